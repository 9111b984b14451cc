"""Rules for an attempt whose remote job exists: what the platform says of it becomes the status, to its end."""

import dataclasses
from datetime import timedelta

from seedjob_operator.core.case import (
    ABSENCES_NEEDED,
    ABSENT_FOR,
    BETWEEN_ABSENCES,
    SYNCED,
    VISIBLE_AFTER,
    Case,
    synced_verdict,
)
from seedjob_operator.core.conditions import Verdict
from seedjob_operator.core.decision import Decision, ReadJob, ReadResult, WriteIntent
from seedjob_operator.core.intent import Intent
from seedjob_operator.core.reasons import Reason
from seedjob_operator.core.situation import ENDED_BADLY, Situation
from seedjob_operator.core.snapshot import UNREAD, Fault, Hold
from seedjob_operator.core.verbs import unsupported
from seedjob_operator.resources import ConditionStatus, ConditionType, Phase
from seedjob_operator.seedapi.wire import Job, JobStatus

OUTAGE_GRACE = timedelta(seconds=10)
"""An outage shorter than this isn't worth two writes for each active job."""
_ACTIVE = {
    JobStatus.QUEUED: (Phase.QUEUED, Reason.QUEUED, "The job waits for its turn on the platform."),
    JobStatus.RUNNING: (Phase.RUNNING, Reason.RUNNING, "The job is running."),
}
_UNKNOWN_STATUS = (
    Phase.UNKNOWN,
    Reason.UNKNOWN_REMOTE_STATUS,
    "The platform says a status that this operator doesn't know; the job counts as active.",
)
_REREAD_UNLISTED = timedelta(seconds=10)


def follow(case: Case, intent: Intent) -> Decision:
    """Bring the status of an attempt that hasn't ended to what the platform says."""
    insecure = _secure_again(case, intent)
    if insecure is not None:
        return insecure
    job = case.observed.remote
    if isinstance(job, Job) and case.is_ours(job):
        return _end(case, intent, job) if job.status.terminal else _active(case, intent, job)
    if case.out_of_reach:
        return _stale(case, intent)
    if job is UNREAD:
        return Decision(follow=intent.job_name)  # the poll of all jobs tells, at no request of its own
    return _confirm_absence(case, intent)


def _secure_again(case: Case, intent: Intent) -> Decision | None:
    """Put back an intent or finalizer that somebody removed while the job is there."""
    secured = case.desired.finalizer and case.stored_intent is not None and intent.uid == case.desired.uid
    if secured or not intent.endpoint:
        return None
    origin = intent.origin_uid or (intent.uid if intent.uid != case.desired.uid else None)
    return Decision(step=WriteIntent(intent=dataclasses.replace(intent, uid=case.desired.uid, origin_uid=origin)))


def _active(case: Case, intent: Intent, job: Job) -> Decision:
    if _is_outage(case):
        return _stale(case, intent)
    phase, reason, message = _ACTIVE.get(job.status, _UNKNOWN_STATUS)
    situation = dataclasses.replace(
        case.situation(phase, reason, message), job=job, synced=SYNCED, attention=attention(case, intent)
    )
    # Within the grace what was seen counts; after it somebody has to say that it may be old.
    wait = OUTAGE_GRACE.total_seconds() if case.fault is not None else None
    return case.settle(situation, requeue_after=wait, follow=intent.job_name)


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
        synced=synced_verdict(_why_stale(case)),
        attention=attention(case, intent),
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
    wait = seconds_to_next_look(case)
    if not observed.fresh and wait == 0:
        return Decision(step=ReadJob(name=intent.job_name), follow=intent.job_name)
    # The name is unique: where another job has it, ours is gone.
    replaced = isinstance(observed.remote, Job) and observed.remote.name == intent.job_name
    if replaced or is_gone(case, intent):
        message = "The platform no longer has a record of this job; how it ended is unknown."
        situation = case.situation(Phase.FAILED, Reason.REMOTE_DELETED, message)
        return case.settle(
            dataclasses.replace(situation, synced=SYNCED, remote_deleted=True, attention=attention(case, intent))
        )
    return Decision(requeue_after=wait or BETWEEN_ABSENCES.total_seconds(), follow=intent.job_name)


def seconds_to_next_look(case: Case) -> float:
    """Give the seconds until a job that wasn't shown is to be read by name again; 0 for now."""
    observed = case.observed
    if observed.absences:
        due = observed.absences[-1] + BETWEEN_ABSENCES
    elif observed.unlisted_active_at is not None:
        due = observed.unlisted_active_at + _REREAD_UNLISTED  # in no list and yet active: a status we don't know
    else:
        return 0.0
    return max((due - case.now).total_seconds(), 0.0)


def is_gone(case: Case, intent: Intent) -> bool:
    """Tell whether enough reads, late and long enough after the create, found nothing."""
    visible_from = intent.time - case.observed.clock_offset + (timedelta(0) if case.inherited else VISIBLE_AFTER)
    absences = [seen for seen in case.observed.absences if seen >= visible_from]
    return len(absences) >= ABSENCES_NEEDED and absences[-1] - absences[0] >= ABSENT_FOR


def _end(case: Case, intent: Intent, job: Job) -> Decision:
    """Record the end at once, with what is to be had of its result by now; `ending` adds what comes late."""
    phase, reason, message = ending(job)
    if case.observed.result_reads == 0 and not case.out_of_reach:
        lines = case.desired.spec.logs.tail_lines if phase in ENDED_BADLY else 0
        return Decision(step=ReadResult(name=intent.job_name, tail_lines=lines))
    situation = dataclasses.replace(
        case.situation(phase, reason, message),
        job=job,
        result=case.observed.result,
        synced=synced_verdict(_why_stale(case)) if _is_outage(case) else SYNCED,
        attention=attention(case, intent),
    )
    return case.settle(situation)


def ending(job: Job) -> tuple[Phase, Reason, str]:
    """Give the phase, reason and sentence of a job that the platform says has ended."""
    if job.status is JobStatus.SUCCEEDED:
        return Phase.SUCCEEDED, Reason.SUCCEEDED, "The job succeeded."
    why = f" {job.error}" if job.error else ""
    if job.status is JobStatus.TIMED_OUT:
        return Phase.TIMED_OUT, Reason.DEADLINE_EXCEEDED, f"The job ran into its timeoutMinutes.{why}"
    if job.status is JobStatus.CANCELLED:
        return (
            Phase.FAILED,
            Reason.CANCELLED_REMOTELY,
            f"The job was cancelled on the platform, not by its SeedJob.{why}",
        )
    return Phase.FAILED, Reason.FAILED, _failure(job)


def _failure(job: Job) -> str:
    """Say how a job failed: its exit code, and the platform's words where they say more."""
    if job.error is None:
        code = "without an exit code" if job.exit_code is None else f"with exit code {job.exit_code}"
        return f"The job's command ended {code}."
    said_already = job.exit_code is None or f"exit code {job.exit_code}" in job.error
    code = "" if said_already else f" with exit code {job.exit_code}"
    return f"The job failed{code}: {job.error.rstrip('.')}."


def attention(case: Case, intent: Intent) -> Verdict | None:
    """Say what was asked of a submitted job and isn't carried out."""
    verbs = unsupported(case.desired.spec)
    if verbs:
        message = f"This operator can't carry out {', '.join(verbs)} yet; the job is left as it is."
        return Verdict(status=ConditionStatus.TRUE, reason=Reason.NOT_YET_SUPPORTED, message=message)
    if intent.spec_hash != case.desired.spec_hash:
        message = "spec.job changed while it was being submitted; this attempt runs what was sent."
        return Verdict(status=ConditionStatus.TRUE, reason=Reason.SPEC_CHANGED_AFTER_SUBMIT, message=message)
    return None


def touched_no_more(case: Case) -> Decision:
    """Say that the attempt is bound to a platform address that its connection no longer has."""
    reason, message = case.recorded_verdict(ConditionType.READY)
    intent = case.intent
    assert intent is not None  # noqa: S101  # for the type checker: `elsewhere` is never true without one
    told = (
        f"The job runs at {intent.endpoint} in {intent.seed_namespace}, and the operator's settings now name another "
        "place: it isn't touched until they match again."
    )
    verdict = Verdict(status=ConditionStatus.TRUE, reason=Reason.CONNECTION_CHANGED, message=told)
    phase = case.desired.status.phase or Phase.PENDING
    situation: Situation = dataclasses.replace(case.situation(phase, reason, message), attention=verdict)
    return case.settle(situation)
