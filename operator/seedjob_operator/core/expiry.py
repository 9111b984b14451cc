"""What the TTLs ask for after the end, reckoned by our own clock from the terminal condition."""

import dataclasses
from datetime import datetime, timedelta

from seedjob_operator.core import attempts, attention, conditions
from seedjob_operator.core.case import Case
from seedjob_operator.core.conditions import Verdict
from seedjob_operator.core.decision import Decision, DeleteJob, DeleteObject, ReadJob
from seedjob_operator.core.reasons import Reason
from seedjob_operator.core.situation import EXPIRED
from seedjob_operator.core.snapshot import UNREAD
from seedjob_operator.resources import ConditionStatus, ConditionType, Phase
from seedjob_operator.seedapi.wire import Job

_TRACKED = (
    "ttlSecondsAfterFinished isn't carried out: a GitOps tool tracks this object, and would make it again and run it "
    "again. Use remoteTTLSecondsAfterFinished instead, which removes only the remote record."
)
_KEPT = "remoteTTLSecondsAfterFinished isn't carried out: the platform doesn't delete the record of this job; it stays."
_LONGEST_WAIT = 86400.0


def ended_at(case: Case) -> datetime | None:
    """Give when the end was recorded, by our clock."""
    for kind in (ConditionType.COMPLETE, ConditionType.FAILED):
        condition = conditions.find(case.desired.status.conditions, kind)
        if condition is not None and condition.status is ConditionStatus.TRUE:
            return condition.last_transition_time
    return None


def object_due(case: Case) -> Decision | None:
    """Delete the SeedJob where its time is over and nothing would make it again."""
    seconds = _seconds_to(case, case.desired.spec.ttl_seconds_after_finished)
    return Decision(step=DeleteObject()) if seconds == 0 and not case.desired.tracked else None


def record_due(case: Case) -> Decision | None:
    """Remove the remote record where its time is over; its SeedJob keeps the result."""
    seconds = _seconds_to(case, case.desired.spec.remote_ttl_seconds_after_finished)
    unwanted = seconds == 0 and case.submitted and not attempts.remote_deleted(case.desired.status)
    observed, intent = case.observed, case.intent
    if not unwanted or observed.delete_refused or intent is None or case.elsewhere:
        return None
    if observed.delete_answered:
        return _record_removed(case)
    if case.out_of_reach:
        return None
    job = observed.remote
    if not observed.fresh or job is UNREAD:
        return Decision(step=ReadJob(name=intent.job_name))  # the name may be another job's by now
    if not isinstance(job, Job) or not case.is_ours(job):
        return _record_removed(case)
    return Decision(step=DeleteJob(name=intent.job_name, delete_artifacts=False)) if job.status.terminal else None


def _record_removed(case: Case) -> Decision:
    phase = case.desired.status.phase or Phase.FAILED
    kind = ConditionType.COMPLETE if phase is Phase.SUCCEEDED else ConditionType.FAILED
    reason, message = case.recorded_verdict(kind)
    situation = case.situation(phase, reason, message)
    return case.settle(
        dataclasses.replace(
            situation, remote_deleted=EXPIRED, attention=unfulfilled(case) or attention.of_attempt(case)
        ),
        requeue_after=seconds_to_go(case),
    )


def unfulfilled(case: Case) -> Verdict | None:
    """Say which TTL is over and isn't carried out."""
    spec = case.desired.spec
    if case.desired.tracked and _seconds_to(case, spec.ttl_seconds_after_finished) == 0:
        return attention.told(Reason.TTL_NOT_CARRIED_OUT, _TRACKED)
    if case.observed.delete_refused and _seconds_to(case, spec.remote_ttl_seconds_after_finished) == 0:
        return attention.told(Reason.TTL_NOT_CARRIED_OUT, _KEPT)
    return None


def seconds_to_go(case: Case) -> float | None:
    """Give the seconds to the next TTL that isn't over yet, or to the next try where the platform is away."""
    spec = case.desired.spec
    record = _seconds_to(case, spec.remote_ttl_seconds_after_finished)
    waits = case.submitted and not attempts.remote_deleted(case.desired.status) and not case.observed.delete_refused
    if record == 0 and waits and case.out_of_reach:
        record = case.retry_delay()
    ahead = (_seconds_to(case, spec.ttl_seconds_after_finished), record)
    return min((max(min(seconds, _LONGEST_WAIT), 1.0) for seconds in ahead if seconds), default=None)


def _seconds_to(case: Case, ttl: int | None) -> float | None:
    """Give the seconds until a TTL is over, 0 where it is; None where there is none, or no end."""
    ended = ended_at(case)
    if ttl is None or ended is None:
        return None
    return max((ended + timedelta(seconds=ttl) - case.now).total_seconds(), 0.0)
