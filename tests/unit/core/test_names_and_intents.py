"""Names, hashes, intents, ownership: by what a SeedJob and its remote job find each other again."""

import dataclasses
import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given as cases
from hypothesis import settings
from hypothesis import strategies as st

from seedjob_operator.core import claims, naming, ownership
from seedjob_operator.core.case import Case
from seedjob_operator.core.decide import decide
from seedjob_operator.core.decision import DropIntent, ReadJob, WriteIntent
from seedjob_operator.core.intent import Intent
from seedjob_operator.core.reasons import Reason
from seedjob_operator.core.snapshot import MISSING, Desired, Sent
from seedjob_operator.resources import ConditionType, JobSpec, Phase, SeedJobSpec
from seedjob_operator.seedapi.wire import Job
from unit.core import given
from unit.core.given import NOW, OWN, RESTORED, TAKEN_OVER, job, spec

WIRE = json.loads(OWN.dump())


def name_of(**fields: Any) -> str:
    known: dict[str, Any] = {"namespace": "research", "name": "finetune", "uid": "uid-1", "attempt": 1}
    return naming.generated_name(**known | fields)


def test_a_generated_name_is_the_documented_one() -> None:
    """Another tool, or the next version of this one, must come to the same name."""
    digits = hashlib.sha256(b"research/uid-1").hexdigest()[:12]
    assert name_of() == f"finetune-{digits}-1"


def made_by(intent: Intent, seen: Job, asked: JobSpec) -> bool:
    """Put the two questions that make a job under a chosen name ours."""
    return ownership.made_since(intent.time, seen) and ownership.equal(seen, asked)


@pytest.mark.parametrize(
    ("name", "readable", "why"),
    [
        ("a" * 253, "a" * 36, "the longest name that Kubernetes allows"),
        ("train.v1.2", "train-v1-2", "dots are allowed in Kubernetes, not on the platform"),
        ("x" * 35 + ".y", "x" * 35 + "-", "cut before replaced: the replaced character is the last one kept"),
    ],
)
def test_the_readable_part(name: str, readable: str, why: str) -> None:
    generated = name_of(name=name)
    assert generated.rsplit("-", 2)[0] == readable, why
    assert len(generated) <= 63


def test_each_attempt_namespace_and_uid_has_a_name_of_its_own() -> None:
    names = {name_of(), name_of(attempt=2), name_of(uid="uid-2"), name_of(namespace="other")}
    assert len(names) == 4


def test_chosen_names_are_numbered_from_the_second_attempt() -> None:
    assert [naming.chosen_name("nightly", attempt=number) for number in (1, 2, 11)] == [
        "nightly",
        "nightly-2",
        "nightly-11",
    ]


def test_the_spec_hash_follows_the_job_and_nothing_else() -> None:
    plain, verbs, changed = spec(), spec(cancel=True, costLimit="1.00"), spec(**given.CHANGED)
    assert naming.spec_hash(plain.job) == naming.spec_hash(verbs.job)
    assert naming.spec_hash(plain.job) != naming.spec_hash(changed.job)


def test_the_spec_hash_doesnt_see_how_a_manifest_is_written() -> None:
    """The same job with its keys in another order, and an absent list, is the same job."""
    one = SeedJobSpec.model_validate({"job": {"gpu": {"type": "L4"}, "command": "true", "image": "busybox", "env": []}})
    assert naming.spec_hash(one.job) == naming.spec_hash(spec().job)


@pytest.mark.parametrize("intent", [OWN, RESTORED, TAKEN_OVER, given.intent(cancel_reason="Deleting", connection="x")])
def test_an_intent_survives_the_annotation(intent: Intent) -> None:
    assert Intent.parse(intent.dump()) == intent


def test_an_intent_s_time_is_utc_in_whole_seconds() -> None:
    text = json.dumps(WIRE | {"time": "2026-03-01T13:30:00+02:00"})
    parsed = Intent.parse(text)
    assert parsed is not None
    assert parsed.time == datetime(2026, 3, 1, 11, 30, tzinfo=UTC)
    assert '"2026-03-01T11:30:00Z"' in parsed.dump()


def test_an_intent_has_the_documented_fields() -> None:
    """Those of an earlier release are read by the next one, and a status can be rebuilt from them."""
    documented = ("uid", "namespace", "name", "attempt", "runId", "jobName", "endpoint", "seedNamespace", "connection")
    assert set(WIRE) == {*documented, "specHash", "time"}


def test_an_intent_is_dated_by_the_platforms_clock() -> None:
    """It is compared with when the platform says that a job was made."""
    ahead = given.observed(environment_read=True, clock_offset=timedelta(minutes=7, milliseconds=300))
    step = decide(given.desired(), ahead, NOW).step
    assert isinstance(step, WriteIntent)
    assert step.intent.time == NOW + timedelta(minutes=7)


@pytest.mark.parametrize("sent", [Sent.REJECTED, Sent.NOTHING])
def test_what_had_no_job_is_no_attempt_whatever_the_run(sent: Sent) -> None:
    """Numbers count remote jobs: after a refusal the next try is the same attempt, under the same name."""
    refused = given.recorded(Phase.PENDING, reason=Reason.SPEC_REJECTED)
    wanted = given.desired(intent=OWN, status=refused, spec=spec(runId="2", **given.CHANGED))
    step = decide(wanted, given.observed(sent=sent, environment_read=True), NOW).step
    assert isinstance(step, WriteIntent)
    assert (step.intent.attempt, step.intent.run_id, step.intent.job_name) == (1, "2", OWN.job_name)


HOSTILE: dict[str, str | None] = {
    "no annotation": None,
    "empty": "",
    "no JSON": "{",
    "JSON null": "null",
    "a list": "[]",
    "a number": "7",
    "a string": '"intent"',
    "nothing in it": "{}",
    "nested too deeply for the parser": "[" * 100_000,
    "a huge number": json.dumps(WIRE).replace('"attempt": 1', '"attempt": ' + "9" * 5000),
    "an attempt beyond 64 bits": json.dumps(WIRE | {"attempt": 10**30}),
    "attempt zero": json.dumps(WIRE | {"attempt": 0}),
    "a negative attempt": json.dumps(WIRE | {"attempt": -1}),
    "a boolean attempt": json.dumps(WIRE | {"attempt": True}),
    "an attempt in words": json.dumps(WIRE | {"attempt": "1"}),
    "a broken attempt": json.dumps(WIRE | {"attempt": 1.5}),
    "a uid of another type": json.dumps(WIRE | {"uid": 7}),
    "half a character": json.dumps(WIRE | {"uid": "\ud800"}),
    "half a character in the origin": json.dumps(WIRE | {"originUid": "\udfff"}),
    "a very long text": json.dumps(WIRE | {"connection": "x" * 100_000}),
    "no time": json.dumps({key: value for key, value in WIRE.items() if key != "time"}),
    "no time of day": json.dumps(WIRE | {"time": "yesterday"}),
    "a time without a zone": json.dumps(WIRE | {"time": "2026-03-01T12:00:00"}),
    "a time before all times": json.dumps(WIRE | {"time": "0001-01-01T00:00:00+14:00"}),
    "a time after all times": json.dumps(WIRE | {"time": "9999-12-31T23:59:59Z"}),
    "a numeric time": json.dumps(WIRE | {"time": 7}),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_intent_is_none(text: str | None) -> None:
    """Users can write annotations: whatever stands there, nothing may break."""
    assert Intent.parse(text) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None, database=None, print_blob=True)
@cases(changes=st.dictionaries(st.sampled_from([*WIRE, "originUid", "cancelReason"]), JSON, max_size=3))
def test_a_mutated_annotation_never_breaks_a_decision(changes: dict[str, Any]) -> None:
    intent = Intent.parse(json.dumps(WIRE | changes))
    for deleting in (False, True):
        wanted = given.desired(intent=intent, stray_intent=intent is None, finalizer=True, deleting=deleting)
        for seen in ({}, {"remote": job(), "fresh": True}, {"environment_read": True}):
            decide(wanted, given.observed(**seen), NOW)


@pytest.mark.parametrize(
    ("intent", "why"),
    [
        (given.COPIED, "a copy from another name"),
        (dataclasses.replace(OWN, namespace="other"), "a copy from another namespace"),
        (dataclasses.replace(OWN, uid="someone"), "another uid under our own name"),
        (dataclasses.replace(OWN, attempt=2), "another attempt under the first one's name"),
    ],
)
def test_an_intent_that_proves_nothing_is_dropped(intent: Intent, why: str) -> None:
    decision = decide(given.desired(intent=intent), given.observed(), NOW)
    assert isinstance(decision.step, DropIntent), why


@pytest.mark.parametrize(
    ("intent", "why"),
    [
        (given.FORGED, "somebody else's job"),
        (given.CHOSEN_INTENT, "a chosen name that the spec doesn't choose any more"),
    ],
)
def test_an_intent_under_a_name_that_the_spec_does_not_give_is_looked_for_and_never_sent(
    intent: Intent, why: str
) -> None:
    """A chosen name may have been removed while its create was open: only what surely has no job is dropped."""
    wanted, name = given.desired(intent=intent), intent.job_name
    other = {"remote": job(name=name, gpu="T4", id=given.OTHER_ID), "fresh": True}
    gone = {"remote": MISSING, "fresh": True, "absences": given.absences(480, 180, 90, 0)}
    open_yet = {"remote": MISSING, "fresh": True, "absences": given.absences(180, 90, 0)}  # sent just before, perhaps
    found = [decide(wanted, given.observed(**seen), NOW) for seen in ({}, other, gone, open_yet)]
    assert [type(one.step) for one in found] == [ReadJob, DropIntent, DropIntent, type(None)], why
    assert all(one.events[-1].reason == Reason.INTENT_DROPPED for one in found[1:3])
    assert decide(wanted, given.observed(sent=Sent.NOTHING), NOW).step == DropIntent()


@pytest.mark.parametrize(
    ("seen", "is_ours", "why"),
    [
        ({}, True, "all that can be read back is equal"),
        ({"created_at": OWN.time + timedelta(microseconds=5)}, True, "the same second, read more finely"),
        ({"created_at": OWN.time - timedelta(seconds=1)}, False, "older than the intent"),
        ({"created_at": None}, False, "of no known age"),
        ({"gpu_count": 8}, True, "what the user left out is the platform's to say"),
        ({"image": None}, True, "what the platform doesn't tell can't be compared"),
        ({"image": "alpine"}, False, "another image"),
        ({"command": "true "}, False, "another command"),
        ({"gpu": "T4"}, False, "another GPU"),
    ],
)
def test_a_job_under_a_chosen_name_is_ours_if(seen: dict[str, Any], is_ours: bool, why: str) -> None:
    assert made_by(OWN, job(name=given.CHOSEN, **seen), given.SPEC.job) is is_ours, why


@pytest.mark.parametrize(
    ("made_at", "job_at", "is_ours", "why"),
    [
        (timedelta(0), timedelta(0), True, "made after the object, as it has to be"),
        (
            timedelta(hours=1),
            timedelta(0),
            False,
            "older than the object: a time that was written by hand proves nothing",
        ),
        (timedelta(seconds=30), timedelta(0), True, "the clocks of Kubernetes and of the platform differ a little"),
    ],
)
def test_a_job_is_never_older_than_its_object(made_at: timedelta, job_at: timedelta, is_ours: bool, why: str) -> None:
    asked = given.desired(
        intent=given.CHOSEN_INTENT, spec=given.spec(jobName=given.CHOSEN), created_at=OWN.time + made_at
    )
    seen = job(name=given.CHOSEN, created_at=OWN.time + job_at)
    case = Case(asked, given.observed(remote=seen, sent=Sent.UNKNOWN), given.NOW)
    assert claims.owns(case) is is_ours, why


def test_what_another_seedjob_recorded_is_not_ours() -> None:
    """Two manifests with one jobName, applied at once: the job is the one's that recorded it."""
    asked = given.desired(intent=given.CHOSEN_INTENT, spec=given.spec(jobName=given.CHOSEN))
    seen = given.observed(remote=job(name=given.CHOSEN), sent=Sent.UNKNOWN)
    assert claims.owns(Case(asked, seen, given.NOW))
    assert not claims.owns(Case(asked, seen._replace(rivals=frozenset({given.JOB_ID})), given.NOW))


def test_every_readable_field_is_compared() -> None:
    """A field that is sent and can be read back, and isn't compared, would let a stranger's job pass."""
    full = spec(
        job={
            "image": "i", "repo": "a/b", "branch": "main", "command": "c", "gpu": {"type": "L4", "count": 2}, "cpu": 8,
            "memoryGB": 32, "diskGB": 100, "nodes": 2, "spot": True, "region": "us-east-1", "timeoutMinutes": 5,
            "maxRetries": 1,
        }
    )  # fmt: skip
    same: dict[str, Any] = {
        name: str(ours) if isinstance(ours, str) else ours
        for name, (ours, _) in ownership.readable_fields(job(), full.job).items()
    }
    assert made_by(OWN, job(**same), full.job)
    for name, value in same.items():
        other = (not value) if isinstance(value, bool) else value + 1 if isinstance(value, int) else f"{value}x"
        assert not made_by(OWN, job(**same | {name: other}), full.job), name


OLDER, YOUNGER = NOW - timedelta(hours=2), NOW - timedelta(hours=1)


def claimant(created_at: datetime, uid: str, **fields: Any) -> Desired:
    """Give a SeedJob that chose a name, and whose create was not answered before the operator was killed."""
    stored = given.intent(job_name=given.CHOSEN, uid=uid)
    return given.desired(
        **{"uid": uid, "created_at": created_at, "intent": stored, "spec": spec(jobName=given.CHOSEN)} | fields
    )


@pytest.mark.parametrize(
    ("mine", "other", "owned"),
    [
        pytest.param((OLDER, "b"), claimant(YOUNGER, "a"), True, id="the older one owns it"),
        pytest.param((YOUNGER, "a"), claimant(OLDER, "b"), False, id="the younger one doesn't"),
        pytest.param((OLDER, "a"), claimant(OLDER, "b"), True, id="of the same age: the first UID"),
        pytest.param((OLDER, "b"), claimant(OLDER, "a"), False, id="of the same age: not the second"),
        pytest.param(
            (YOUNGER, "a"), claimant(OLDER, "b", spec=spec(jobName=given.CHOSEN, **given.CHANGED)), True, id="other job"
        ),
        pytest.param((YOUNGER, "a"), claimant(OLDER, "b", intent=None), True, id="nothing was sent for the older one"),
        pytest.param(
            (YOUNGER, "a"),
            claimant(
                OLDER, "b", status=given.recorded(Phase.PENDING, reason=Reason.NAME_TAKEN, of=given.CHOSEN_INTENT)
            ),
            True,
            id="the older one was refused the name",
        ),
    ],
)
def test_a_job_that_two_claim_is_the_older_ones(mine: tuple[datetime, str], other: Desired, *, owned: bool) -> None:
    """I1, I2: two SeedJobs chose one name and one job, and nobody knows any more whose create was accepted."""
    seen = given.observed(remote=job(name=given.CHOSEN), fresh=True, contenders=(other,), environment_read=True)
    asked = Case(claimant(*mine), seen, NOW)
    assert claims.owns(asked) is owned
    decision = decide(asked.desired, seen, NOW)
    assert isinstance(decision.step, DropIntent) is not owned
    assert (decision.status is not None) is owned


def renewed(sent: Sent, **fields: Any) -> Intent:
    """Give the intent that announces a changed spec under the same name, after a create of which `sent` is known."""
    known: dict[str, Any] = {"environment_read": True, "remote": MISSING, "fresh": True, "rejected_hash": "another"}
    step = decide(given.desired(intent=OWN, spec=spec(**fields)), given.observed(sent=sent, **known), NOW).step
    assert isinstance(step, WriteIntent)
    return step.intent


def test_a_renewed_intent_remembers_what_an_open_create_sent() -> None:
    """A job that is found later is the open create's: what it runs, and for which run, isn't what the spec says by now."""
    intent = renewed(Sent.UNANSWERED, **given.CHANGED, runId="2")
    assert (intent.run_id, intent.earlier_run, intent.earlier_spec) == ("2", "1", OWN.spec_hash)
    asked = given.desired(intent=intent, spec=spec(**given.CHANGED, runId="2"))
    found = decide(asked, given.observed(sent=Sent.CONFLICT_AFTER_UNANSWERED, remote=job(), fresh=True), NOW).step
    assert isinstance(found, WriteIntent)
    assert found.intent.cancel_reason == Reason.RUN_ID_CHANGED
    answered = decide(asked, given.observed(sent=Sent.CREATED, remote=job(), fresh=True), NOW).status
    assert answered is not None
    assert (answered.run_id, answered.spec_hash) == ("2", asked.spec_hash)


def test_a_job_that_counts_as_an_open_creates_says_that_nobody_knows() -> None:
    """After a restart: it may as well run what the spec says now, and a new runId is the way to be sure."""
    intent = renewed(Sent.UNANSWERED, **given.CHANGED)
    asked = given.desired(intent=intent, spec=spec(**given.CHANGED))
    status = decide(asked, given.observed(remote=job(), fresh=True), NOW).status
    assert status is not None
    assert status.spec_hash == OWN.spec_hash
    attention = given.condition(status, ConditionType.ATTENTION)
    assert attention is not None
    assert attention.reason == Reason.SPEC_CHANGED_AFTER_SUBMIT
    assert "Nobody knows" in attention.message


def test_where_nothing_was_made_nothing_is_remembered() -> None:
    intent = renewed(Sent.REJECTED, **given.CHANGED)
    assert (intent.earlier_run, intent.earlier_spec) == (None, None)
