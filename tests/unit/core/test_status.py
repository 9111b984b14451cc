"""Conditions, Events, what is worth a write, and what a step's outcome teaches."""

import dataclasses
from datetime import datetime, timedelta
from typing import Any

import pytest

from seedjob_operator.core import conditions, events, learning, outcome, writing
from seedjob_operator.core.conditions import Verdict
from seedjob_operator.core.decide import decide
from seedjob_operator.core.decision import ReadResult
from seedjob_operator.core.learning import Answer
from seedjob_operator.core.reasons import Reason
from seedjob_operator.core.situation import Situation, compose, gpu_text
from seedjob_operator.core.snapshot import MISSING, UNREAD, Observed, Result, Sent
from seedjob_operator.resources import (
    Condition,
    ConditionStatus,
    ConditionType,
    Gpu,
    Phase,
    Progress,
    SeedJobStatus,
)
from seedjob_operator.seedapi.wire import Analytics, Job, JobStatus
from unit.core import given
from unit.core.given import NOW, OWN, job, observed, recorded, spec

T, F = ConditionStatus.TRUE, ConditionStatus.FALSE
LATER = NOW + timedelta(hours=1)


def merged(before: tuple[Condition, ...] = (), *, at: datetime = NOW, **said: ConditionStatus) -> tuple[Condition, ...]:
    verdicts = {
        ConditionType(kind): Verdict(status=status, reason=Reason.RUNNING, message=str(at))
        for kind, status in said.items()
    }
    return conditions.merge(before, verdicts, generation=3, now=at)


def test_the_transition_time_moves_only_when_the_status_flips() -> None:
    first = merged(Ready=F)
    same = merged(first, at=LATER, Ready=F)
    flipped = merged(same, at=LATER, Ready=T)
    assert [found[0].last_transition_time for found in (first, same, flipped)] == [NOW, NOW, LATER]
    assert same[0].message != first[0].message


def test_a_condition_without_a_verdict_keeps_what_it_says_for_the_generation_seen_now() -> None:
    before = conditions.merge(
        (), {ConditionType.SYNCED: Verdict(status=F, reason=Reason.RUNNING)}, generation=1, now=NOW
    )
    after = merged(before, at=LATER, Ready=T)
    kept = conditions.find(after, ConditionType.SYNCED)
    assert kept is not None
    assert (kept.status, kept.last_transition_time, kept.observed_generation) == (F, NOW, 3)


@pytest.mark.parametrize("kind", sorted(conditions.RARE))
def test_rare_conditions_appear_when_true_and_stay(kind: ConditionType) -> None:
    says = {status: {kind: Verdict(status=status, reason=Reason.PAUSED)} for status in (T, F)}
    assert conditions.merge((), says[F], generation=1, now=NOW) == ()
    told = conditions.merge((), says[T], generation=1, now=NOW)
    assert [one.status for one in conditions.merge(told, says[F], generation=1, now=NOW)] == [F]


def test_all_types_have_a_place_in_the_order() -> None:
    assert set(conditions.ORDER) == set(ConditionType)
    listed = merged(Stalled=F, Ready=T, Synced=T, Complete=F)
    assert [one.type for one in listed] == ["Ready", "Stalled", "Complete", "Synced"]


def test_a_message_is_cut_to_what_kubernetes_takes() -> None:
    verdict = Verdict(status=T, reason=Reason.FAILED, message="x" * 5000)
    found = conditions.merge((), {ConditionType.FAILED: verdict}, generation=1, now=NOW)
    assert len(found[0].message) == 1024


PHASES = [
    # phase, reason, readyWhen, Ready, Reconciling, Stalled, Complete, Failed
    (Phase.PENDING, Reason.SECRET_NOT_FOUND, "Finished", "F T F F F"),
    (Phase.PENDING, Reason.UNAUTHORIZED, "Finished", "F T F F F"),
    (Phase.PENDING, Reason.SPEC_REJECTED, "Finished", "F F T F F"),
    (Phase.PENDING, Reason.NAME_TAKEN, "Finished", "F F T F F"),
    (Phase.PENDING, Reason.ENDPOINT_NOT_ALLOWED, "Finished", "F F T F F"),
    (Phase.PENDING, Reason.DEFAULT_CONNECTION_NOT_ALLOWED, "Finished", "F F T F F"),
    (Phase.PENDING, Reason.RUN_ID_ALREADY_RAN, "Finished", "F F T F F"),
    (Phase.SUSPENDED, Reason.NOT_ENDED, "Finished", "T F F F F"),
    (Phase.QUEUED, Reason.QUEUED, "Finished", "F T F F F"),
    (Phase.QUEUED, Reason.QUEUED, "Started", "F T F F F"),
    (Phase.RUNNING, Reason.RUNNING, "Finished", "F T F F F"),
    (Phase.RUNNING, Reason.RUNNING, "Started", "T F F F F"),
    (Phase.UNKNOWN, Reason.UNKNOWN_REMOTE_STATUS, "Finished", "F T F F F"),
    (Phase.CANCELLING, Reason.DELETING, "Started", "F T F F F"),
    (Phase.SUCCEEDED, Reason.SUCCEEDED, "Finished", "T F F T F"),
    (Phase.FAILED, Reason.FAILED, "Finished", "F F T F T"),
    (Phase.FAILED, Reason.REMOTE_DELETED, "Started", "F F T F T"),
    (Phase.TIMED_OUT, Reason.DEADLINE_EXCEEDED, "Finished", "F F T F T"),
    (Phase.CANCELLED, Reason.CANCEL_REQUESTED, "Finished", "T F F F T"),
]


@pytest.mark.parametrize(("phase", "reason", "ready_when", "reading"), PHASES)
def test_the_table_of_phases(phase: Phase, reason: Reason, ready_when: str, reading: str) -> None:
    status = recorded(phase, reason=reason, spec=spec(readyWhen=ready_when))
    kinds = ("Ready", "Reconciling", "Stalled", "Complete", "Failed")
    said = {one.type: one for one in status.conditions}
    assert " ".join(said[kind].status[0] for kind in kinds) == reading
    assert said["Ready"].reason == reason
    assert (said["Submitted"].status == "True") is (status.job_id is not None)


def test_ready_when_started_does_not_outlast_a_cancel() -> None:
    wanted = given.desired(
        intent=dataclasses.replace(OWN, cancel_reason="CancelledByUser"),
        spec=spec(readyWhen="Started", cancel=True),
        status=recorded(Phase.RUNNING, start_time=given.EARLIER),
    )
    status = decide(wanted, observed(remote=job()), NOW).status
    assert status is not None
    assert status.phase is Phase.CANCELLING
    assert not conditions.is_true(status.conditions, ConditionType.READY)


def test_a_job_that_the_platform_tries_again_has_begun_when_it_first_did() -> None:
    """Its own retries belong to one attempt."""
    before = recorded(Phase.QUEUED, start_time=given.EARLIER)
    again = job(started_at=NOW - timedelta(seconds=1), retry_count=1)
    status = decide(given.desired(intent=OWN, status=before), observed(remote=again), NOW).status
    assert status is not None
    assert (status.phase, status.start_time, status.retries) == (Phase.RUNNING, given.EARLIER, 1)


@pytest.mark.parametrize(
    ("ended", "lines"),
    [
        (JobStatus.SUCCEEDED, 0),
        (JobStatus.CANCELLED, 7),
        (JobStatus.FAILED, 7),
        (JobStatus.TIMED_OUT, 7),
    ],
)
def test_the_end_of_a_log_is_read_of_what_ended_badly(ended: JobStatus, lines: int) -> None:
    """As much of it as `logs.tailLines` says."""
    wanted = given.desired(intent=OWN, status=recorded(Phase.RUNNING), spec=spec(logs={"tailLines": 7}))
    step = decide(wanted, observed(remote=job(ended)), NOW).step
    assert isinstance(step, ReadResult)
    assert step.tail_lines == lines


def test_a_hold_says_its_reason_in_ready_and_in_submitted() -> None:
    status = decide(given.desired(), observed(environment_read=True, environment_hold=given.NO_HF), NOW).status
    assert status is not None
    said = {one.type: (one.status, one.reason, one.message) for one in status.conditions}
    assert said["Ready"] == said["Submitted"] == (F, given.NO_HF.reason, given.NO_HF.message)


def test_a_taken_name_is_shown_as_the_one_that_was_refused() -> None:
    """There is no job of that name that would be ours, so it has no id."""
    taken = observed(environment_read=True, remote=job(name=given.CHOSEN, gpu="T4"), fresh=True)
    status = decide(given.desired(spec=spec(jobName=given.CHOSEN)), taken, NOW).status
    assert status is not None
    assert (status.job_name, status.job_id) == (given.CHOSEN, None)


@pytest.mark.parametrize("phase", [Phase.PENDING, Phase.RUNNING, Phase.FAILED, Phase.SUCCEEDED, Phase.CANCELLED])
def test_a_deletion_that_is_blocked_is_under_way(phase: Phase) -> None:
    """Whatever the job was: kstatus and Argo CD wait for the object to go."""
    wanted = given.desired(intent=OWN, status=recorded(phase), deleting=True)
    status = decide(wanted, observed(connection=given.DOWN), NOW).status
    assert status is not None
    said = {one.type: one for one in status.conditions}
    assert [said[kind].status for kind in ("Ready", "Reconciling", "Stalled")] == [F, T, F]
    assert (said["Ready"].reason, said["Synced"].reason) == (Reason.DELETION_BLOCKED, Reason.PLATFORM_UNAVAILABLE)


def test_prices_have_the_currency_that_the_operator_is_told() -> None:
    """The platform names none."""
    wanted = given.desired(intent=OWN, status=recorded(Phase.QUEUED))
    status = decide(wanted, observed(remote=job(total_cost="2"), currency="EUR"), NOW).status
    assert status is not None
    assert status.cost is not None
    assert (status.cost.currency, status.cost_text) == ("EUR", "2.00 EUR")


def test_ready_when_started_stays_ready_when_the_platform_queues_the_job_again() -> None:
    wanted = given.desired(
        intent=OWN, spec=spec(readyWhen="Started"), status=recorded(Phase.RUNNING, start_time=given.EARLIER)
    )
    status = decide(wanted, observed(remote=job(JobStatus.QUEUED)), NOW).status
    assert status is not None
    assert status.phase is Phase.QUEUED
    assert status.start_time == given.EARLIER
    assert conditions.is_true(status.conditions, ConditionType.READY)


def test_what_was_set_at_the_end_doesnt_change_and_what_was_missing_is_added() -> None:
    first = Analytics.model_validate({"summary": {"runtime_seconds": 10}})
    second = Analytics.model_validate({"summary": {"runtime_seconds": 99}})
    wanted = given.desired(status=recorded(Phase.RUNNING), intent=OWN)
    situation = Situation(phase=Phase.FAILED, reason=Reason.FAILED, message="", intent=OWN)
    ended = compose(
        wanted,
        dataclasses.replace(situation, job=job(JobStatus.FAILED), result=Result(analytics=first)),
        NOW,
    )
    late = dataclasses.replace(
        situation,
        job=job(JobStatus.FAILED, exit_code=77, cost_per_hour="99", runtime_seconds=9999),
        result=Result(analytics=second, log_tail=("the end",)),
    )
    after = compose(dataclasses.replace(wanted, status=ended), late, LATER)
    assert after.log_tail == ("the end",)
    assert after.analytics is not None
    assert (after.analytics.runtime_seconds, after.exit_code, after.cost) == (10, 1, ended.cost)


def test_signed_addresses_and_series_are_never_stored() -> None:
    seen = job(
        JobStatus.SUCCEEDED,
        artifacts={"path": "/out", "url": "https://signed.example/?sig=s3cret", "size_bytes": 5, "file_count": 1},
    )
    analytics = Analytics.model_validate(
        {"summary": {"runtime_seconds": 1}, "series": [{"timestamp": "2026-03-01T00:00:00Z", "cpu_utilization": 7}]}
    )
    wanted = given.desired(status=recorded(Phase.RUNNING), intent=OWN)
    seen_all = observed(remote=seen, result=Result(analytics=analytics), result_reads=1, result_read_at=NOW)
    status = decide(wanted, seen_all, NOW).status
    assert status is not None
    assert "s3cret" not in str(status.dump())
    assert "series" not in str(status.dump())
    assert status.artifacts is not None
    assert status.artifacts.path == "/out"


@pytest.mark.parametrize(
    ("gpu", "text"),
    [({"type": "A100-80GB", "count": 4}, "4xA100-80GB"), ({"type": "L4"}, "1xL4"), ({"type": "none"}, "none")],
)
def test_the_gpu_column(gpu: dict[str, Any], text: str) -> None:
    assert gpu_text(Gpu.model_validate(gpu)) == text


RUNNING = recorded(Phase.RUNNING, at=NOW - timedelta(seconds=4), progress=Progress(message="1/4", percent=25))


@pytest.mark.parametrize(
    ("change", "expected", "why"),
    [
        ({}, (False, None), "nothing changed"),
        ({"last_sync_time": NOW}, (False, None), "a sync time alone is no news"),
        ({"runtime_seconds": 5}, (False, None), "nor is run time"),
        ({"cost_text": "1.00 USD"}, (False, None), "nor cost"),
        ({"progress": Progress(message="1/4", percent=25, eta_seconds=9)}, (False, None), "nor the time to go"),
        ({"progress": Progress(message="2/4", percent=50)}, (False, 6.0), "progress waits until 10 s after a write"),
        ({"phase": Phase.QUEUED}, (True, None), "a phase is written at once"),
        ({"phase": Phase.QUEUED, "progress": Progress(message="2/4")}, (True, None), "and takes progress along"),
        ({"completion_time": NOW, "runtime_seconds": 5}, (True, None), "at the end all counts"),
    ],
)
def test_what_is_worth_a_write(change: dict[str, Any], expected: tuple[bool, float | None], why: str) -> None:
    assert writing.due(RUNNING, RUNNING.model_copy(update=change), now=NOW) == expected, why


def test_what_comes_late_of_a_result_is_written_whatever_it_is() -> None:
    """Cost and run time of a job that ended are its result."""
    ended = recorded(Phase.SUCCEEDED, completion_time=NOW)
    assert writing.due(ended, ended.model_copy(update={"runtime_seconds": 7}), now=NOW) == (True, None)


def test_held_back_progress_is_written_when_it_is_due() -> None:
    after = RUNNING.model_copy(update={"progress": Progress(message="2/4", percent=50)})
    assert writing.due(RUNNING, after, now=NOW + timedelta(seconds=6)) == (True, None)


def told(before: SeedJobStatus, after: SeedJobStatus) -> list[Reason]:
    return [event.reason for event in events.between(before, after)]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, Phase.QUEUED, [Reason.SUBMITTED]),
        (None, Phase.RUNNING, [Reason.SUBMITTED, Reason.STARTED]),
        (Phase.QUEUED, Phase.RUNNING, [Reason.STARTED]),
        (Phase.RUNNING, Phase.RUNNING, []),
        (Phase.RUNNING, Phase.SUCCEEDED, [Reason.SUCCEEDED]),
        (Phase.RUNNING, Phase.FAILED, [Reason.FAILED]),
        (Phase.RUNNING, Phase.TIMED_OUT, [Reason.TIMED_OUT]),
        (Phase.RUNNING, Phase.CANCELLING, [Reason.CANCEL_REQUESTED]),
        (Phase.CANCELLING, Phase.CANCELLED, [Reason.CANCELLED]),
        (Phase.CANCELLING, Phase.SUSPENDED, [Reason.SUSPENDED]),
        (None, Phase.PENDING, [Reason.PLATFORM_UNAVAILABLE]),
        (Phase.RUNNING, Phase.UNKNOWN, [Reason.UNKNOWN_REMOTE_STATUS]),
    ],
)
def test_events_are_told_on_transitions_only(before: Phase | None, after: Phase, expected: list[Reason]) -> None:
    assert told(recorded(before), recorded(after)) == expected


def test_an_orphan_is_named_with_its_place() -> None:
    message = events.orphaned(OWN).message
    assert all(part in message for part in (OWN.job_name, OWN.seed_namespace, OWN.endpoint))
    assert "  " not in events.orphaned(given.intent(endpoint="", seed_namespace="")).message


CREATES = [
    # before, answer, after
    (Sent.NOTHING, Answer.UNANSWERED, Sent.UNANSWERED),
    (Sent.NOTHING, Answer.CONFLICT, Sent.CONFLICT),
    (Sent.NOTHING, Answer.REJECTED, Sent.REJECTED),
    (Sent.NOTHING, Answer.REFUSED, Sent.NOTHING),
    (Sent.UNKNOWN, Answer.CONFLICT, Sent.CONFLICT_AFTER_UNANSWERED),
    (Sent.UNANSWERED, Answer.CONFLICT, Sent.CONFLICT_AFTER_UNANSWERED),
    (Sent.UNANSWERED, Answer.REJECTED, Sent.REJECTED_AFTER_UNANSWERED),
    (Sent.UNANSWERED, Answer.REFUSED, Sent.UNANSWERED),
    (Sent.CONFLICT_AFTER_UNANSWERED, Answer.CONFLICT, Sent.CONFLICT_AFTER_UNANSWERED),
    (Sent.REJECTED_AFTER_UNANSWERED, Answer.CONFLICT, Sent.CONFLICT_AFTER_UNANSWERED),
]


@pytest.mark.parametrize(("before", "answer", "after"), CREATES)
def test_what_a_failed_create_teaches(before: Sent, answer: Answer, after: Sent) -> None:
    """An answer settles only the create that it answers: one before it stays open."""
    seen = learning.create_failed(observed(sent=before, remote=job(), fresh=True), answer, fault=None)
    assert (seen.sent, seen.remote, seen.fresh) == (after, UNREAD, False)


RENEWALS = [
    (Sent.UNKNOWN, True, Sent.UNANSWERED),
    (Sent.UNANSWERED, True, Sent.UNANSWERED),
    (Sent.CREATED, True, Sent.CREATED),
    (Sent.CONFLICT, True, Sent.NOTHING),
    (Sent.REJECTED, True, Sent.NOTHING),
    (Sent.REJECTED_AFTER_UNANSWERED, True, Sent.UNANSWERED),
    (Sent.NOTHING, True, Sent.NOTHING),
    (Sent.UNANSWERED, False, Sent.NOTHING),
]


@pytest.mark.parametrize(("before", "same_name", "after"), RENEWALS)
def test_a_renewed_intent_forgets_no_open_create(before: Sent, same_name: bool, after: Sent) -> None:
    old = OWN if same_name else given.CHOSEN_INTENT
    assert learning.intent_written(observed(sent=before), before=old, written=OWN).sent is after


def test_a_new_intent_forgets_what_was_seen_under_another_name() -> None:
    """Otherwise a stranger's job would be taken for the new attempt's."""
    seen = observed(remote=job(name="somebody-elses-job"))
    assert learning.intent_written(seen, before=None, written=OWN).remote is UNREAD
    assert learning.intent_written(observed(remote=job()), before=None, written=OWN).remote == job()


def test_an_answered_create_is_known_as_ours() -> None:
    seen = learning.job_created(observed(sent=Sent.UNANSWERED, failures=3, fault=given.fault()), job(), now=NOW)
    assert (seen.sent, seen.remote, seen.fresh, seen.fault, seen.failures) == (Sent.CREATED, job(), True, None, 3)


@pytest.mark.parametrize(("fault", "failures"), [(None, 0), (given.fault(), 3)])
def test_only_a_pass_without_a_fault_ends_the_back_off(fault: Any, failures: int) -> None:
    """A read that works between two creates that don't must not make them come every second."""
    seen = learning.job_absent(observed(failures=3), now=NOW)
    assert seen.failures == 3
    assert learning.pass_ended(seen._replace(fault=fault)).failures == failures


def test_a_refusal_is_remembered_with_what_was_refused() -> None:
    """A corrected spec whose intent was stored, but not seen to be, is not what the platform refused."""
    seen = learning.create_failed(observed(), Answer.REJECTED, fault=None, message="no", spec_hash="old")
    assert (seen.rejection, seen.rejected_hash) == ("no", "old")


def test_a_pass_begins_with_nothing_fresh_and_keeps_the_rest() -> None:
    before = observed(fresh=True, environment_read=True, environment_hold=given.NO_HF, fault=given.fault(), failures=2)
    after = learning.pass_begun(before, given.DOWN)
    assert after == observed(connection=given.DOWN)._replace(failures=2, reconcile_at="")


def test_a_listed_job_keeps_what_only_a_read_tells() -> None:
    known = learning.job_seen(observed(), job(JobStatus.RUNNING, exit_code=3, num_nodes=2), now=NOW)
    listed = Job.model_validate({"id": given.JOB_ID, "name": given.GENERATED, "status": "succeeded", "progress": "2/2"})
    after = learning.job_seen(known, listed, now=None).remote
    assert isinstance(after, Job)
    assert (after.status, after.progress, after.num_nodes) == (JobStatus.SUCCEEDED, "2/2", 2)


def test_a_listed_job_drops_a_cost_that_was_true_before() -> None:
    """A running job's total grows; a list doesn't tell it, and the price times the run time is newer."""
    known = learning.job_seen(observed(), job(total_cost="0.01", runtime_seconds=10), now=NOW)
    after = learning.job_seen(known, job(runtime_seconds=3600), now=None).remote
    assert isinstance(after, Job)
    assert (after.total_cost, after.runtime_seconds) == (None, 3600)


def test_another_id_keeps_nothing() -> None:
    known = learning.job_seen(observed(), job(num_nodes=2), now=NOW)
    other = job(id=given.OTHER_ID)
    assert learning.job_seen(known, other, now=NOW).remote == other


def test_absences_that_follow_each_other_closely_count_once() -> None:
    seen: Observed = observed()
    for second in (0, 1, 10, 60, 70, 120):
        seen = learning.job_absent(seen, now=NOW + timedelta(seconds=second))
    assert [round((one - NOW).total_seconds()) for one in seen.absences] == [0, 60, 120]
    assert learning.job_seen(seen, job(), now=None).absences == ()
    assert learning.job_unlisted(observed(remote=job())).remote is MISSING


def test_failures_count_up_and_the_outage_keeps_its_beginning() -> None:
    first = learning.step_failed(observed(), given.fault(ago=50))
    second = learning.step_failed(first, given.fault(ago=1))
    assert second.failures == 2
    assert second.fault is not None
    assert second.fault.since == NOW - timedelta(seconds=50)


def test_deleting_teaches_that_a_read_must_confirm() -> None:
    gone = learning.record_deleted(observed(remote=job(), fresh=True))
    kept = learning.delete_refused(observed(remote=job(), fresh=True))
    assert (gone.delete_answered, gone.remote, gone.fresh) == (True, MISSING, False)
    assert (kept.delete_refused, kept.remote, kept.fresh) == (True, UNREAD, False)


def test_cancelling_teaches() -> None:
    taken = learning.cancel_taken(observed(), job(JobStatus.CANCELLED), now=NOW)
    over = learning.cancel_taken(observed(remote=job(), fresh=True), None, now=NOW)
    assert (taken.cancels, taken.cancel_asked_at, taken.fresh) == (1, NOW, True)
    assert (over.cancels, over.remote, over.fresh) == (1, UNREAD, False)


def test_a_late_result_keeps_what_came_earlier() -> None:
    analytics = Analytics.model_validate({"summary": {"runtime_seconds": 1}})
    first = learning.result_read(observed(), analytics=analytics, log_tail=None, now=NOW)
    second = learning.result_read(first, analytics=None, log_tail=("end",), now=LATER)
    assert (second.result.analytics, second.result.log_tail) == (analytics, ("end",))
    assert (second.result_reads, second.result_read_at) == (2, LATER)


def test_a_dropped_intent_takes_what_was_seen_along() -> None:
    assert learning.intent_dropped(observed(remote=job(), sent=Sent.CONFLICT)) == observed()


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (None, 3, "The job's command ended with exit code 3."),
        (None, None, "The job's command ended without an exit code."),
        ("the command ended with exit code 3", 3, "The job failed: the command ended with exit code 3."),
        ("Out of memory.", 137, "The job failed with exit code 137: Out of memory."),
        ("repo a/b isn't there", None, "The job failed: repo a/b isn't there."),
    ],
)
def test_a_failure_is_told_once(error: str | None, code: int | None, message: str) -> None:
    """The platform's words and the exit code often say the same."""
    ended = job(JobStatus.FAILED, error=error, exit_code=code)
    assert outcome.of(ended, cancel_reason=None)[2] == message


def test_what_needs_attention_is_told_once() -> None:
    """It stands in no column, so an Event tells of it when it begins."""
    quiet = recorded(Phase.RUNNING)
    verdict = Verdict(status=ConditionStatus.TRUE, reason=Reason.RUN_ID_ALREADY_RAN, message="Not yet.")
    merged = conditions.merge(quiet.conditions, {ConditionType.ATTENTION: verdict}, generation=1, now=NOW)
    loud = quiet.model_copy(update={"conditions": merged})
    assert [event.reason for event in events.between(quiet, loud)] == [Reason.RUN_ID_ALREADY_RAN]
    assert events.between(loud, loud) == ()


def test_a_recorded_refusal_is_renewed_as_what_it_was() -> None:
    """After a restart the status tells that nothing was made: the next 409 is somebody else's job, and not ours."""
    seen = learning.intent_written(observed(), before=OWN, written=OWN, known=Sent.CONFLICT)
    assert seen.sent is Sent.NOTHING
    assert learning.create_failed(seen, Answer.CONFLICT, fault=None).sent is Sent.CONFLICT


def test_a_fault_that_lasts_over_passes_says_since_when() -> None:
    """Each pass forgets its fault; an outage of one job's reads must be told all the same."""
    first = learning.step_failed(observed(), given.fault())
    later = dataclasses.replace(given.fault(), since=NOW + timedelta(hours=1))
    second = learning.step_failed(learning.pass_begun(first, given.CONNECTION), later)
    assert second.fault is not None
    assert second.fault.since == given.fault().since
    assert learning.pass_ended(learning.pass_begun(second, given.CONNECTION)).failing_since is None
