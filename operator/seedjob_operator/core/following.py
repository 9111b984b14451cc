"""Rules for an attempt whose remote job exists: what the platform says of it becomes the status, to its end."""

import dataclasses
from datetime import timedelta

from seedjob_operator.core import (
    absence,
    attention,
    cancelling,
    claims,
    conditions,
    events,
    masking,
    outcome,
    spending,
    submission,
    succession,
    verbs,
)
from seedjob_operator.core.case import Case
from seedjob_operator.core.decision import Decision, ReadJob, ReadResult, WriteIntent
from seedjob_operator.core.intent import Intent
from seedjob_operator.core.reasons import Reason
from seedjob_operator.core.situation import ENDED_BADLY, FORGOTTEN, Situation, compose
from seedjob_operator.core.snapshot import UNREAD, Fault, Hold, Result
from seedjob_operator.core.verdicts import SYNCED, moved_away, of_platform
from seedjob_operator.resources import ConditionType, Phase
from seedjob_operator.seedapi.wire import Job, JobStatus

OUTAGE_GRACE = timedelta(seconds=10)
"""An outage shorter than this isn't worth two writes for each active job."""
_FORGOTTEN_MIDRUN = (
    "The platform no longer has a record of this job; how it ended is unknown. Look whether its work was done; if not, set "
    "a new runId to run it again."
)
_ACTIVE = {
    JobStatus.QUEUED: (Phase.QUEUED, Reason.QUEUED, "The job waits for its turn on the platform."),
    JobStatus.RUNNING: (Phase.RUNNING, Reason.RUNNING, "The job is running."),
}
_UNKNOWN_STATUS = (
    Phase.UNKNOWN,
    Reason.UNKNOWN_REMOTE_STATUS,
    "The platform says a status that this operator doesn't know; the job counts as active. Upgrade the operator.",
)


def follow(case: Case, intent: Intent) -> Decision:
    """Bring the status of an attempt that hasn't ended to what the platform says, and end it where a verb asks for it."""
    insecure = secure_again(case, intent)
    if insecure is not None:
        return insecure
    job = case.observed.remote
    if case.observed.look_now and not case.out_of_reach:
        return Decision(step=ReadJob(name=intent.job_name), follow=intent.job_name)
    if isinstance(job, Job) and case.is_ours(job):
        return _end(case, intent, job) if job.status.terminal else _active(case, intent, job)
    if case.out_of_reach:
        return _stale(case, intent)
    if job is UNREAD:
        return _unread(case, intent)
    return _confirm_absence(case, intent)


def secure_again(case: Case, intent: Intent) -> Decision | None:
    """Put back an intent or finalizer that somebody removed while the job is there."""
    secured = case.desired.finalizer and case.stored_intent is not None and intent.uid == case.desired.uid
    if secured or not intent.endpoint:
        return None
    origin = intent.origin_uid or (intent.uid if intent.uid != case.desired.uid else None)
    return Decision(step=WriteIntent(intent=dataclasses.replace(intent, uid=case.desired.uid, origin_uid=origin)))


def _unread(case: Case, intent: Intent) -> Decision:
    """The poll of all jobs tells, at no request of its own; only what is to be cancelled is looked at at once."""
    if _reason_to_end(case, intent) is None:
        return Decision(follow=intent.job_name, requeue_after=_next_reckoning(case))
    return Decision(step=ReadJob(name=intent.job_name, urgent=True), follow=intent.job_name)


def _reason_to_end(case: Case, intent: Intent) -> Reason | None:
    return cancelling.reason_of(intent) or verbs.reason_to_end(case)


def _active(case: Case, intent: Intent, job: Job) -> Decision:
    reason = _reason_to_end(case, intent)
    # A cancel that can't be asked for just now is asked for all the same: it mustn't look as if the job ran on unasked.
    if _is_outage(case) or (reason is not None and case.out_of_reach):
        return _stale(case, intent)
    if reason is not None:
        return cancelling.cancel(case, intent, job, reason)
    phase, why, message = _ACTIVE.get(job.status, _UNKNOWN_STATUS)
    situation = dataclasses.replace(
        case.situation(phase, why, message),
        job=job,
        result=Result(analytics=case.observed.sample),
        synced=SYNCED,
        attention=attention.of_attempt(case),
    )
    # Within the grace what was seen counts; after it somebody has to say that it may be old.
    wait = OUTAGE_GRACE.total_seconds() if case.fault is not None else _next_reckoning(case)
    return masking.settle(case, situation, requeue_after=wait, follow=intent.job_name)


def _next_reckoning(case: Case) -> float | None:
    """Give the seconds until the run may have reached its limit."""
    seconds = spending.seconds_to_limit(case)
    return None if seconds is None else max(seconds, 1.0)


def _is_outage(case: Case) -> bool:
    fault = case.fault
    unusable = isinstance(case.observed.connection, Hold)
    return unusable or (fault is not None and case.now - fault.since >= OUTAGE_GRACE)


def _stale(case: Case, intent: Intent) -> Decision:
    """Say that the status may be old; phase, progress and cost stay as they are."""
    if not _is_outage(case):
        return Decision(requeue_after=OUTAGE_GRACE.total_seconds(), follow=intent.job_name)
    recorded = case.desired.status.phase
    reason, message = case.recorded_verdict(ConditionType.READY)
    situation = dataclasses.replace(
        case.situation(recorded or Phase.PENDING, reason, message),
        synced=of_platform(_why_stale(case)),
        attention=attention.of_attempt(case),
    )
    return case.settle(situation, requeue_after=_next_try(case), follow=intent.job_name)


def _next_try(case: Case) -> float:
    return max(case.retry_delay(), OUTAGE_GRACE.total_seconds())


def _why_stale(case: Case) -> Fault | Hold | None:
    connection = case.observed.connection
    return connection if isinstance(connection, Hold) else case.fault


def _confirm_absence(case: Case, intent: Intent) -> Decision:
    """Believe that the job is gone only after several reads said so, each some time after the other."""
    observed = case.observed
    wait = absence.seconds_to_next_look(case)
    if not observed.fresh and wait == 0:
        return Decision(step=ReadJob(name=intent.job_name), follow=intent.job_name)
    # The name is unique: where another job has it, ours is gone.
    replaced = isinstance(observed.remote, Job) and observed.remote.name == intent.job_name
    if replaced or absence.is_gone(case, intent):
        situation = case.situation(Phase.FAILED, Reason.REMOTE_DELETED, _FORGOTTEN_MIDRUN)
        return _ended(case, dataclasses.replace(situation, synced=SYNCED, remote_deleted=FORGOTTEN))
    return Decision(requeue_after=wait or absence.BETWEEN_ABSENCES.total_seconds(), follow=intent.job_name)


def _end(case: Case, intent: Intent, job: Job) -> Decision:
    """Record the end at once, with what is to be had of its result by now; `ending` adds what comes late."""
    mask = masking.mask_first(case, job)
    if mask is not None:
        return Decision(step=mask, follow=intent.job_name)
    job = masking.told(case, job)
    phase, reason, message = outcome.of(job, cancel_reason=intent.cancel_reason)
    if case.observed.result_reads == 0 and not case.out_of_reach:
        lines = case.desired.spec.logs.tail_lines if phase in ENDED_BADLY else 0
        return Decision(step=ReadResult(name=intent.job_name, tail_lines=lines, secrets=masking.sent(case)))
    situation = dataclasses.replace(
        case.situation(phase, reason, message),
        job=job,
        result=case.observed.result,
        synced=of_platform(_why_stale(case)) if _is_outage(case) else SYNCED,
    )
    return _ended(case, situation)


def _ended(case: Case, situation: Situation) -> Decision:
    """Record an end, or where a new attempt is due make room for that in the same write."""
    next_one = succession.succeed(case, compose(case.desired, situation, case.now))
    if next_one is not None:
        return next_one
    return case.settle(dataclasses.replace(situation, attention=attention.of_attempt(case)))


def refused(case: Case, intent: Intent) -> Decision | None:
    """Hold a predecessor's intent whose chosen name somebody else has: it is neither followed nor submitted again."""
    job = case.observed.remote
    if case.submitted or not isinstance(job, Job) or job.name != intent.job_name or claims.owns(case):
        return None
    if not case.observed.fresh and not case.out_of_reach:
        return Decision(step=ReadJob(name=intent.job_name))
    decision = submission.name_taken(case, intent.job_name)
    told_before = conditions.find(case.desired.status.conditions, ConditionType.SUBMITTED)
    if decision.status is None or (told_before is not None and told_before.reason == Reason.NAME_TAKEN):
        return decision
    return dataclasses.replace(decision, events=(events.names_anothers_job(intent),))


def touched_no_more(case: Case) -> Decision:
    """Say that the attempt is bound to a platform address that its connection no longer has."""
    reason, message = case.recorded_verdict(ConditionType.READY)
    intent = case.intent
    assert intent is not None  # noqa: S101  # for the type checker: `elsewhere` is never true without one
    moved = moved_away(intent)
    situation = dataclasses.replace(
        case.situation(case.desired.status.phase or Phase.PENDING, reason, message),
        synced=of_platform(moved),
        attention=attention.told(moved.reason, moved.message),
    )
    return case.settle(situation)
