"""Rules for a SeedJob that is being deleted: no remote job outlives its owner unless its policy says so, and says so."""

import dataclasses
from collections.abc import Iterator

from seedjob_operator.core import absence, cancelling, claims, earlier, events, pacing
from seedjob_operator.core.case import Case
from seedjob_operator.core.decision import (
    BeginAttempt,
    Decision,
    DeleteJob,
    NoteGone,
    ReadJob,
    ReleaseFinalizer,
)
from seedjob_operator.core.earlier import Target
from seedjob_operator.core.intent import Intent
from seedjob_operator.core.reasons import Reason
from seedjob_operator.core.snapshot import UNREAD, Connection, Fault, Hold, Sent
from seedjob_operator.core.telling import Event, EventType
from seedjob_operator.core.verdicts import moved_away, of_platform
from seedjob_operator.resources import DeletionPolicy, Phase
from seedjob_operator.seedapi.wire import Job

RELEASE = Decision(step=ReleaseFinalizer())
_SAYS_WHAT_TO_DELETE = frozenset({"deletionPolicy", "deleteArtifacts"})
_SURELY_NOTHING = frozenset({Sent.NOTHING, Sent.REJECTED})


def clean_up(case: Case) -> Decision:
    """Do what the deletion policy says with every attempt, then let go of the object."""
    if not holds(case):
        return Decision()
    unreadable = case.desired.unreadable
    if unreadable is not None and _SAYS_WHAT_TO_DELETE & unreadable.fields:
        return _blocked(case, Hold(reason=Reason.SPEC_UNREADABLE, message=unreadable.message))
    if case.desired.spec.deletion_policy is DeletionPolicy.ORPHAN:
        return let_go(case)
    remaining = left(case)
    if not remaining:
        return RELEASE
    about_another = case.observed.about not in {"", remaining[0].name}
    if remaining[0].case is not case and about_another:
        return Decision(step=BeginAttempt())  # what was seen and done says nothing of that attempt
    decision = _clean_up_one(case, remaining[0])
    if len(remaining) == 1 or not isinstance(decision.step, ReleaseFinalizer):
        return decision
    return dataclasses.replace(decision, step=NoteGone(name=remaining[0].name))


def holds(case: Case) -> bool:
    """Tell whether the object was not let go of yet.

    Our finalizer alone doesn't tell: somebody may have stripped it while another's still holds the object. Whoever lets
    go removes the intent as well.
    """
    intent = case.stored_intent
    return case.desired.finalizer or (intent is not None and intent.uid == case.desired.uid)


def left(case: Case) -> list[Target]:
    """Give the attempts that a deletion has yet to clean up, in their order."""
    return [target for target in _targets(case) if target.name not in case.observed.gone]


def _targets(case: Case) -> Iterator[Target]:
    """Give the attempts that have, or may have, something left on the platform: the one in force, then the earlier."""
    current = _in_force(case)
    if current.intent is not None and not nothing_was_made(current):
        yield Target(current.intent.job_name, current.intent.connection, current)
    if case.desired.spec.deletion_policy is DeletionPolicy.DELETE:  # their jobs have ended, so Cancel has nothing to do
        yield from earlier.targets(case)


def _in_force(case: Case) -> Case:
    """Put the question for an attempt whose intent somebody removed before its job was recorded.

    The finalizer proves that there was one. A generated name, or the name that this process used, is looked for; under
    a chosen name nobody can say any more whose job it is.
    """
    desired, observed = case.desired, case.observed
    lost = case.intent is None and desired.intent is None and desired.finalizer and not case.over
    if not lost or case.sent in _SURELY_NOTHING:
        return case
    connection = observed.connection
    if isinstance(connection, Hold):
        connection = Connection(name=desired.connection_name, endpoint="", seed_namespace="")
    intent = case.new_intent(connection, job_name=observed.about or case.next_name, attempt=case.next_attempt)
    intent = dataclasses.replace(intent, spec_hash="", time=desired.created_at or intent.time)
    return Case(dataclasses.replace(desired, intent=intent, stray_intent=False), observed, case.now)


def _clean_up_one(case: Case, target: Target) -> Decision:
    intent = target.case.intent
    if intent is None or (target.case.ended and case.desired.spec.deletion_policy is DeletionPolicy.CANCEL):
        return RELEASE
    connection = case.observed.connection
    if isinstance(connection, Connection) and connection.name != target.connection:
        return Decision(requeue_after=1.0)  # this pass has another attempt's connection; the next looks up this one's
    obstacle = _obstacle(target.case, intent)
    if obstacle is not None:
        return _blocked(case, obstacle)
    return _remote_clean_up(target.case, intent)


def let_go(case: Case) -> Decision:
    """Release the object and leave its remote jobs as they are; the Event and the log name them."""
    asked = _in_force(case)
    current = () if asked.intent is None or nothing_was_made(asked) else (events.orphaned(asked.intent),)
    past = tuple(events.orphaned(target.case.intent) for target in earlier.targets(case) if target.case.intent)
    return dataclasses.replace(RELEASE, events=current + past)


def nothing_was_made(case: Case) -> bool:
    """Tell whether it is certain that the attempt has no remote job."""
    if case.made or claims.owns(case):
        return False
    if case.sent is Sent.CONFLICT:
        return case.intent is None or not case.intent.has_generated_name  # a generated name is nobody else's
    return case.sent in _SURELY_NOTHING


def _obstacle(case: Case, intent: Intent) -> Fault | Hold | None:
    connection = case.observed.connection
    if isinstance(connection, Hold):
        return connection
    return moved_away(intent) if case.elsewhere else case.fault


def _blocked(case: Case, obstacle: Fault | Hold) -> Decision:
    """Say why the remote job can't be removed, and how to force the object away."""
    name = f"{case.desired.name} -n {case.desired.namespace}"
    message = (
        f"The remote job can't be cleaned up: {obstacle.message} The deletion goes on by itself once it can. To remove the "
        f"object now and leave the remote job as it is: kubectl annotate sj {name} seed.dev/force-orphan=true"
    )
    phase = case.desired.status.phase or Phase.PENDING
    situation = dataclasses.replace(
        case.situation(phase, Reason.DELETION_BLOCKED, message),
        deletion_blocked=True,
        synced=of_platform(obstacle),
    )
    return case.settle(situation, requeue_after=max(case.retry_delay(), 5.0))


def _remote_clean_up(case: Case, intent: Intent) -> Decision:
    job = case.observed.remote
    if job is UNREAD:
        return Decision(step=ReadJob(name=intent.job_name, urgent=True), follow=intent.job_name)
    if isinstance(job, Job):
        if not claims.owns(case):
            return _not_ours(case, intent, job)
        return _end_of(case, intent, job)
    return _confirm_gone(case, intent)


def _not_ours(case: Case, intent: Intent, job: Job) -> Decision:
    """Another job has the name, so ours isn't there; what was seen under another name, or long ago, doesn't say so."""
    if not case.observed.fresh or job.name != intent.job_name:
        return Decision(step=ReadJob(name=intent.job_name, urgent=True), follow=intent.job_name)
    told = (events.orphaned(intent),) if claims.in_doubt(case) else ()
    return dataclasses.replace(RELEASE, events=told)


def _end_of(case: Case, intent: Intent, job: Job) -> Decision:
    if not job.status.terminal:
        return cancelling.cancel(case, intent, job, Reason.DELETING)
    if case.desired.spec.deletion_policy is DeletionPolicy.CANCEL:
        return RELEASE
    if case.observed.delete_refused:
        message = f"The platform doesn't delete the record of {intent.job_name} ({job.status}); it stays there."
        event = Event(type=EventType.WARNING, reason=Reason.RECORD_KEPT, message=message)
        return dataclasses.replace(RELEASE, events=(event,))
    return _still_shown(case, intent) or Decision(
        step=DeleteJob(name=intent.job_name, delete_artifacts=case.desired.spec.delete_artifacts)
    )


def _still_shown(case: Case, intent: Intent) -> Decision | None:
    """Wait where the record was removed and is shown all the same: reads may lag behind, or the removal got lost."""
    observed = case.observed
    if not observed.delete_answered:
        return None
    if not observed.fresh:
        return Decision(step=ReadJob(name=intent.job_name, urgent=True))
    since = observed.undeleted_since or case.now
    wait = pacing.until_next_try(since, case.now, tries=observed.deletes)
    return Decision(requeue_after=max(min(wait, pacing.until_next_look(since, case.now)), 1.0)) if wait > 0 else None


def _confirm_gone(case: Case, intent: Intent) -> Decision:
    """Release only what is confirmed gone: at once where it had ended or we removed it, else after several reads."""
    observed = case.observed
    known_end = observed.delete_answered or case.ended
    wait = 0.0 if known_end else absence.seconds_to_next_look(case)
    if not observed.fresh and wait == 0:
        return Decision(step=ReadJob(name=intent.job_name, urgent=True), follow=intent.job_name)
    if absence.is_gone(case, intent) or (observed.fresh and known_end):
        return RELEASE
    return Decision(requeue_after=max(wait, absence.seconds_to_next_look(case), 1.0), follow=intent.job_name)


def abandoned(case: Case) -> tuple[Event, ...]:
    """Give what is to be told of an object that went without being let go of: the job that it leaves behind."""
    case = _in_force(case)
    intent = case.intent
    if intent is None or case.over or nothing_was_made(case) or _known_over(case, intent):
        return ()
    return (events.abandoned(intent),)


def _known_over(case: Case, intent: Intent) -> bool:
    job = case.observed.remote
    seen_ended = isinstance(job, Job) and claims.owns(case) and job.status.terminal
    removed = intent.job_name in case.observed.gone or case.observed.delete_answered
    return seen_ended or removed or absence.is_gone(case, intent)
