"""Rules for a SeedJob that is being deleted: no remote job outlives its owner unless its policy says so, and says so."""

import dataclasses

from seedjob_operator.core import events, following, submission
from seedjob_operator.core.case import SYNCED, Case, synced_verdict
from seedjob_operator.core.decision import (
    CancelJob,
    Decision,
    DeleteJob,
    Event,
    EventType,
    ReadJob,
    ReleaseFinalizer,
)
from seedjob_operator.core.intent import Intent
from seedjob_operator.core.reasons import Reason
from seedjob_operator.core.situation import Situation
from seedjob_operator.core.snapshot import UNREAD, Fault, Hold, Sent
from seedjob_operator.resources import DeletionPolicy, Phase
from seedjob_operator.seedapi.wire import Job

RELEASE = Decision(step=ReleaseFinalizer())
LOOK_AGAIN_CANCELLED = 35.0
"""Seconds until a cancelled job is read by name: its grace period and a little, where the poll didn't tell earlier."""


def clean_up(case: Case) -> Decision:
    """Do what the deletion policy says, then let go of the object."""
    intent = case.intent
    if not case.desired.finalizer:
        return Decision()
    if intent is None or nothing_was_made(case):
        return RELEASE
    policy = case.desired.spec.deletion_policy
    if policy is DeletionPolicy.ORPHAN:
        return let_go(case)
    if case.ended and policy is DeletionPolicy.CANCEL:
        return RELEASE
    obstacle = _obstacle(case, intent)
    if obstacle is not None:
        return _blocked(case, obstacle)
    return _remote_clean_up(case, intent)


def let_go(case: Case) -> Decision:
    """Release the object and leave the remote job as it is; the Event and the log name it."""
    intent = case.intent
    if intent is None or nothing_was_made(case):
        return RELEASE
    return dataclasses.replace(RELEASE, events=(events.orphaned(intent),))


def nothing_was_made(case: Case) -> bool:
    """Tell whether it is certain that the attempt has no remote job."""
    if case.made or submission.owns(case):
        return False
    if case.sent is Sent.CONFLICT:
        return case.intent is None or not case.intent.has_generated_name  # a generated name is nobody else's
    return case.sent in {Sent.NOTHING, Sent.REJECTED}


def _obstacle(case: Case, intent: Intent) -> Fault | Hold | None:
    connection = case.observed.connection
    if isinstance(connection, Hold):
        return connection
    if case.elsewhere:
        message = f"The job is at {intent.endpoint} in {intent.seed_namespace}, where the operator no longer works."
        return Hold(reason=Reason.CONNECTION_CHANGED, message=message)
    return case.fault


def _blocked(case: Case, obstacle: Fault | Hold) -> Decision:
    """Say why the remote job can't be removed, and how to force the object away."""
    name = f"{case.desired.name} -n {case.desired.namespace}"
    message = (
        f"The remote job can't be cleaned up: {obstacle.message} This is tried again. To remove the object and leave "
        f"the remote job: kubectl annotate sj {name} seed.dev/force-orphan=true"
    )
    phase = case.desired.status.phase or Phase.PENDING
    situation = dataclasses.replace(
        case.situation(phase, Reason.DELETION_BLOCKED, message),
        deletion_blocked=True,
        synced=synced_verdict(obstacle),
    )
    return case.settle(situation, requeue_after=max(case.retry_delay(), 5.0))


def _remote_clean_up(case: Case, intent: Intent) -> Decision:
    job = case.observed.remote
    if job is UNREAD:
        return Decision(step=ReadJob(name=intent.job_name, urgent=True), follow=intent.job_name)
    if isinstance(job, Job):
        if not submission.owns(case):
            return _not_ours(case, intent, job)
        return _end_of(case, intent, job)
    return _confirm_gone(case, intent)


def _not_ours(case: Case, intent: Intent, job: Job) -> Decision:
    """Another job has the name, so ours isn't there; what was seen under another name, or long ago, doesn't say so."""
    if not case.observed.fresh or job.name != intent.job_name:
        return Decision(step=ReadJob(name=intent.job_name, urgent=True), follow=intent.job_name)
    return let_go(case) if submission.in_doubt(case) else RELEASE


def _end_of(case: Case, intent: Intent, job: Job) -> Decision:
    if not job.status.terminal:
        return _cancel(case, intent, job)
    if case.desired.spec.deletion_policy is DeletionPolicy.CANCEL:
        return RELEASE
    if case.observed.delete_refused:
        message = f"The platform doesn't delete the record of {intent.job_name} ({job.status}); it stays there."
        event = Event(type=EventType.WARNING, reason=Reason.RECORD_KEPT, message=message)
        return dataclasses.replace(RELEASE, events=(event,))
    return Decision(step=DeleteJob(name=intent.job_name, delete_artifacts=case.desired.spec.delete_artifacts))


def _cancel(case: Case, intent: Intent, job: Job) -> Decision:
    """Cancel what is still active; the phase says so first, and once."""
    if case.observed.cancel_sent:
        return _await_end(case, intent, job)
    step = CancelJob(name=intent.job_name)
    # An end that is recorded stays so, should the job have come back; and a cancel that is tried again is told already.
    if case.ended or case.desired.status.phase is Phase.CANCELLING:
        return Decision(step=step, follow=intent.job_name)
    return case.settle(_cancelling(case, job), step=step, follow=intent.job_name)


def _await_end(case: Case, intent: Intent, job: Job) -> Decision:
    if not case.observed.fresh and _read_is_old(case):
        return Decision(step=ReadJob(name=intent.job_name, urgent=True), follow=intent.job_name)
    if case.ended:
        return Decision(requeue_after=LOOK_AGAIN_CANCELLED, follow=intent.job_name)
    return case.settle(_cancelling(case, job), requeue_after=LOOK_AGAIN_CANCELLED, follow=intent.job_name)


def _cancelling(case: Case, job: Job) -> Situation:
    message = "The SeedJob is being deleted; its remote job is being cancelled."
    return dataclasses.replace(
        case.situation(Phase.CANCELLING, Reason.DELETING, message),
        job=job,
        synced=SYNCED,
        cancel_reason=Reason.DELETING,
    )


def _read_is_old(case: Case) -> bool:
    read_at = case.observed.read_at
    return read_at is None or (case.now - read_at).total_seconds() >= LOOK_AGAIN_CANCELLED


def _confirm_gone(case: Case, intent: Intent) -> Decision:
    """Release only what is confirmed gone: at once where it had ended or we removed it, else after several reads."""
    observed = case.observed
    known_end = observed.delete_answered or case.ended
    wait = 0.0 if known_end else following.seconds_to_next_look(case)
    if not observed.fresh and wait == 0:
        return Decision(step=ReadJob(name=intent.job_name, urgent=True), follow=intent.job_name)
    if observed.fresh and (known_end or following.is_gone(case, intent)):
        return RELEASE
    return Decision(requeue_after=max(wait, following.seconds_to_next_look(case), 1.0), follow=intent.job_name)
