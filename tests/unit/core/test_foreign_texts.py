"""What the platform and the job say in words and numbers of their own: neither leaks a secret, nor breaks a rule."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given as cases
from hypothesis import settings
from hypothesis import strategies as st

from seedjob_operator.core import learning, masking, naming
from seedjob_operator.core.decide import decide
from seedjob_operator.core.decision import CreateJob, Decision, MaskTexts, WriteIntent
from seedjob_operator.core.environment import Sources
from seedjob_operator.core.intent import Intent
from seedjob_operator.core.snapshot import MISSING, Sent
from seedjob_operator.resources import JobSpec, Phase, SeedJobSpec, SeedJobStatus
from seedjob_operator.seedapi import redaction
from seedjob_operator.seedapi.wire import Job, JobStatus
from unit.core import given
from unit.core.given import NOW, OWN, job, recorded, spec

SECRET = "hf_0123456789"
SIGNATURE = "abcdef0123456789"
SIGNED = f"https://bucket.example/out/1?X-Amz-Expires=60&X-Amz-Signature={SIGNATURE}"
SECRET_ENV = {
    "job": {
        "image": "busybox",
        "command": "true",
        "gpu": {"type": "L4"},
        "env": [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "hf", "key": "token"}}}],
    }
}


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        (f"upload to {SIGNED} failed", "upload to https://bucket.example/out/1 failed"),
        (f'"{SIGNED}": 403', '"https://bucket.example/out/1": 403'),
        (f"s3://bucket/o?X-Amz-Signature={SIGNATURE}", "s3://bucket/o"),
        (f"git clone https://me:{SIGNATURE}@git.example/a.git", "git clone https://git.example/a.git"),
        (f"GET https://blob.example#{SIGNATURE}", "GET https://blob.example"),
        (f"signed with X-Amz-Signature={SIGNATURE}&x=1", "signed with X-Amz-Signature=***&x=1"),
        (f"curl -H 'Authorization: Bearer {SIGNATURE}'", "curl -H 'Authorization: ***'"),
        (f"Authorization: {SIGNATURE}", "Authorization: ***"),
        (f"Bearer {SIGNATURE} was refused", "Bearer *** was refused"),
        ("Epoch 2/3 - Step 4200/6300", "Epoch 2/3 - Step 4200/6300"),
        ("exit code 137: out of memory?", "exit code 137: out of memory?"),
        ("see https://docs.example/errors.", "see https://docs.example/errors."),
        ("design=1, signal=9, 10 % of basic tokens", "design=1, signal=9, 10 % of basic tokens"),
    ],
)
def test_signatures_and_credentials_are_cut(text: str, safe: str) -> None:
    assert redaction.unsigned(text) == safe


def ends(seen: Job, wanted: SeedJobSpec = given.SPEC, **observed: Any) -> Decision:
    known = {"remote": seen, "fresh": True, "result_reads": 1} | observed
    return decide(given.desired(intent=OWN, status=recorded(Phase.RUNNING), spec=wanted), given.observed(**known), NOW)


def all_of(decision: Decision) -> str:
    assert decision.status is not None
    return f"{decision.status.model_dump_json()} {decision.events}"


@pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.TIMED_OUT, JobStatus.CANCELLED])
def test_a_signature_in_an_error_reaches_neither_status_nor_events(status: JobStatus) -> None:
    """I10."""
    told = all_of(ends(job(status, error=f"upload to {SIGNED} failed")))
    assert "https://bucket.example/out/1 failed" in told
    assert SIGNATURE not in told


@pytest.mark.parametrize("status", [JobStatus.RUNNING, JobStatus.SUCCEEDED])
def test_a_signature_in_the_progress_does_not_either(status: JobStatus) -> None:
    told = all_of(ends(job(status, progress=f"Uploading {SIGNED}")))
    assert "Uploading https://bucket.example/out/1" in told
    assert SIGNATURE not in told


STAMP = "0123456789abcdef"
HIDDEN = frozenset({SECRET})
WITH_SECRETS = spec(**SECRET_ENV)


def sent(secrets: str | None = STAMP, **fields: Any) -> Intent:
    """Give the intent of an attempt whose environment has a Secret, of a version that is known or isn't."""
    return given.intent(**({"spec_hash": naming.spec_hash(WITH_SECRETS.job), "secrets": secrets} | fields))


def settled(seen: Job, intent: Intent, *, unmasked: bool = False, **before: Any) -> tuple[list[MaskTexts], Decision]:
    """Decide until there is nothing left to do, masking as asked; give the steps, and the last decision."""
    status = recorded(Phase.QUEUED, of=intent, **before)
    wanted = given.desired(intent=intent, status=status, spec=WITH_SECRETS)
    observed, steps = given.observed(remote=seen, fresh=True, result_reads=1), list[MaskTexts]()
    while True:
        decision = decide(wanted, observed, NOW)
        if not isinstance(decision.step, MaskTexts):
            return steps, decision
        steps.append(decision.step)
        hidden = HIDDEN if decision.step.secrets == STAMP and not unmasked else None
        texts = {text: None if hidden is None else masking.masked(text, hidden) for text in decision.step.texts}
        observed = learning.texts_masked(observed, texts)


FAILED = job(JobStatus.FAILED, error=f"401 for {SECRET}", progress=f"upload with {SECRET}: 3/4")
AT_WORK = job(progress=f"upload with {SECRET}: 3/4")


@pytest.mark.parametrize("seen", [FAILED, AT_WORK], ids=["at the end", "while it runs"])
def test_a_secret_in_the_words_of_a_job_is_masked(seen: Job) -> None:
    """I10."""
    steps, decision = settled(seen, sent())
    told = all_of(decision)
    assert len(steps) == 1
    assert SECRET not in told
    assert "upload with ***: 3/4" in told
    assert ("401 for ***" in told) is (seen is FAILED)


@pytest.mark.parametrize("seen", [FAILED, AT_WORK], ids=["at the end", "while it runs"])
@pytest.mark.parametrize(
    ("intent", "unmasked"),
    [
        pytest.param(sent(), True, id="a Secret changed since, or can't be read"),
        pytest.param(sent(None), False, id="the job was adopted, or its intent removed"),
        pytest.param(sent(masking.SEVERAL), False, id="one of several versions was sent"),
        pytest.param(sent(spec_hash="another"), False, id="the spec referred to other Secrets then"),
        pytest.param(sent(masking.NO_SECRETS), False, id="somebody wrote into the intent that it had none"),
    ],
)
def test_where_the_secrets_are_not_known_the_words_are_left_out(seen: Job, intent: Intent, *, unmasked: bool) -> None:
    """I10: how far the job is shows all the same, and how it ended."""
    _, decision = settled(seen, intent, unmasked=unmasked)
    told = all_of(decision)
    assert SECRET not in told
    assert "upload" not in told
    assert decision.status is not None
    assert decision.status.progress_text == "75 %"
    assert ("exit code 1" in told) is (seen is FAILED)


def test_words_are_masked_only_where_they_are_written() -> None:
    """Each look at the Secrets is a request to Kubernetes; progress is written every 10 s at most."""
    _, first = settled(AT_WORK, sent())
    assert first.status is not None
    wanted = given.desired(intent=sent(), status=first.status, spec=WITH_SECRETS)
    seen = given.observed(remote=job(progress=f"upload with {SECRET}: 4/4"))
    early = decide(wanted, seen, NOW + timedelta(seconds=4))
    assert (early.step, early.status, early.requeue_after) == (None, None, 6.0)
    assert isinstance(decide(wanted, seen, NOW + timedelta(seconds=10)).step, MaskTexts)


def test_what_is_written_already_is_not_masked_again() -> None:
    _, first = settled(AT_WORK, sent())
    assert first.status is not None
    wanted = given.desired(intent=sent(), status=first.status, spec=WITH_SECRETS)
    texts = {str(AT_WORK.progress): "upload with ***: 3/4"}
    again = decide(wanted, given.observed(remote=AT_WORK, masked=texts), NOW + timedelta(minutes=1))
    assert (again.status, again.step) == (None, None)


def test_a_short_secret_does_not_hide_how_far_the_job_is() -> None:
    """Whoever puts `3` into a Secret sees no steps any more, and the percentage still."""
    observed = given.observed(remote=AT_WORK, masked={str(AT_WORK.progress): "upload with x: ***/4"})
    decision = decide(given.desired(intent=sent(), status=recorded(Phase.QUEUED), spec=WITH_SECRETS), observed, NOW)
    assert decision.status is not None
    assert decision.status.progress_text == "75 %"


def test_without_secrets_in_its_environment_words_are_told_as_they_are() -> None:
    assert "401 for" in all_of(ends(FAILED))


KEYS = JobSpec.model_validate(SECRET_ENV["job"])


def source(version: str, value: str | None = SECRET, *, written: str | None = None) -> Sources:
    data = None if value is None else {"token": value, "other": "unused"}
    noted = {} if written is None else {"hf": written}
    return Sources(secrets={"hf": data}, versions={} if value is None else {"hf": version}, written=noted)


def test_values_are_masked_as_long_as_the_secrets_are_those_that_were_sent() -> None:
    stamp = masking.stamp(source("u/1"))
    assert masking.masks(KEYS, source("u/1"), stamp) == frozenset({SECRET})
    for other in (source("u/2"), source("v/1"), source("", None)):
        assert masking.masks(KEYS, other, stamp) is None
    assert SECRET not in stamp


@pytest.mark.parametrize(
    ("sent_with", "now_there", "known"),
    [
        (source("u/1", written="kubectl 12:00"), source("u/2", written="kubectl 12:00"), True),  # a label was added
        (source("u/1", written="kubectl 12:00"), source("u/2", written="kubectl 12:05"), False),
        (source("u/1", written="kubectl 12:00"), source("u/1"), False),  # by then nobody noted who wrote it
        (source("u/1"), source("u/1", written="kubectl 12:00"), True),  # it was sent as soon as it was written
        (source("u/1"), source("u/2", written="kubectl 12:00"), False),  # with that, nobody knows of a label
    ],
)
def test_a_label_on_a_secret_is_no_rotation(sent_with: Sources, now_there: Sources, known: bool) -> None:
    masks = masking.masks(KEYS, now_there, masking.stamp(sent_with))
    assert masks == (frozenset({SECRET}) if known else None)


def test_a_create_that_is_repeated_says_of_the_same_secrets_what_was_said_before() -> None:
    """Else the attempt would count as sent with several versions, and its log be left out for nothing."""
    before = masking.stamp(source("u/1"))
    assert masking.stamp(source("u/1", written="kubectl 12:00"), known=before) == before
    assert masking.stamp(source("u/2", written="kubectl 12:00"), known=before) != before


def test_an_optional_secret_that_never_was_hides_nothing() -> None:
    absent = source("", None)
    assert masking.masks(KEYS, absent, masking.stamp(absent)) == frozenset()
    assert masking.masks(KEYS, source("u/1"), masking.stamp(absent)) is None, "it may have been made and sent since"


@pytest.mark.parametrize(
    ("before", "sent_so_far", "announced"),
    [
        (None, Sent.UNKNOWN, STAMP),
        (sent("older"), Sent.NOTHING, STAMP),
        (sent("older"), Sent.UNANSWERED, masking.SEVERAL),
        (sent("older"), Sent.UNKNOWN, masking.SEVERAL),
        (sent(masking.SEVERAL), Sent.UNANSWERED, masking.SEVERAL),
        (sent(masking.SEVERAL), Sent.REJECTED, STAMP),
        (sent(), Sent.UNANSWERED, STAMP),
    ],
)
def test_a_secret_that_changes_before_a_create_is_repeated(
    before: Intent | None, sent_so_far: Sent, announced: str
) -> None:
    """The intent says which versions the job may have got: where that is more than one, nothing can be masked."""
    wanted = given.desired(intent=before, spec=WITH_SECRETS)
    known: dict[str, Any] = {"environment_read": True, "secrets": STAMP, "rejected_hash": "another"}
    observed = given.observed(sent=sent_so_far, remote=MISSING, fresh=True, **known)
    step = decide(wanted, observed, NOW).step
    assert isinstance(step, WriteIntent | CreateJob)
    assert step.intent.secrets == announced


def test_the_log_of_a_job_with_unknown_secrets_is_withheld_and_says_where_it_is() -> None:
    line = masking.withheld("n" * 63)
    assert "on the platform" in line
    assert SeedJobStatus(log_tail=(line,)).log_tail == (line,), "it fits into a line"


AMOUNTS = st.one_of(st.none(), st.sampled_from(["0", "1e-300", "0.0001", "1", "1e12", "1000000000000"]))
WHOLES = st.one_of(st.none(), st.sampled_from([0, -(2**62), -1, 1, 10**9, 2**62, 2**63 - 1]))


@settings(max_examples=400, deadline=None, database=None, print_blob=True)
@cases(
    status=st.sampled_from([JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.SUCCEEDED, JobStatus.FAILED]),
    price=AMOUNTS,
    total=AMOUNTS,
    runtime=WHOLES,
    whole=WHOLES,
    limit=st.sampled_from([None, "0.01", "999999999.00"]),
    earlier=st.sampled_from([None, Decimal("999999999999.99")]),
    run_id=st.sampled_from(["1", "2"]),
    suspended=st.booleans(),
)
def test_no_number_is_too_extreme(  # one for each thing that a platform can say
    *,
    status: JobStatus,
    price: str | None,
    total: str | None,
    runtime: int | None,
    whole: int | None,
    limit: str | None,
    earlier: Decimal | None,
    run_id: str,
    suspended: bool,
) -> None:
    seen = job(
        status,
        cost_per_hour=price,
        total_cost=total,
        runtime_seconds=runtime,
        exit_code=whole,
        retry_count=whole,
        num_nodes=whole,
        progress="1/3",
    )
    wanted = spec(costLimit=limit, runId=run_id, suspend=suspended)
    before = recorded(Phase.RUNNING, earlier_cost=earlier)
    found = given.observed(remote=seen, fresh=True, result_reads=1, seen_at=NOW - (NOW - OWN.time))
    decision = decide(given.desired(intent=OWN, status=before, spec=wanted), found, NOW)
    if decision.status is not None:
        decision.status.dump()
        decide(given.desired(intent=OWN, status=decision.status, spec=wanted), found, NOW)
