"""What to tell in `kubectl describe`: one Event for each transition between two statuses, none for anything else."""

from collections.abc import Mapping

from seedjob_operator.core import conditions
from seedjob_operator.core.intent import Intent
from seedjob_operator.core.reasons import Reason
from seedjob_operator.core.telling import Event, EventType
from seedjob_operator.resources import Condition, ConditionStatus, ConditionType, Phase, SeedJobStatus

_PHASES: Mapping[Phase, tuple[EventType, Reason]] = {
    Phase.RUNNING: (EventType.NORMAL, Reason.STARTED),
    Phase.SUCCEEDED: (EventType.NORMAL, Reason.SUCCEEDED),
    Phase.FAILED: (EventType.WARNING, Reason.FAILED),
    Phase.TIMED_OUT: (EventType.WARNING, Reason.TIMED_OUT),
    Phase.CANCELLING: (EventType.NORMAL, Reason.CANCEL_REQUESTED),
    Phase.SUSPENDED: (EventType.NORMAL, Reason.SUSPENDED),
    Phase.CANCELLED: (EventType.NORMAL, Reason.CANCELLED),
}
_SAID_BY_PHASE = frozenset({Reason.QUEUED, Reason.RUNNING, Reason.SUCCEEDED, Reason.FAILED, Reason.DELETING})
INTENT_DROPPED = Event(
    type=EventType.WARNING,
    reason=Reason.INTENT_DROPPED,
    message="The annotation seed.dev/intent names no job of this object, and is removed; it counts for nothing.",
)


def names_anothers_job(intent: Intent) -> Event:
    """Give the Event of an intent that stays, so that nothing is submitted by itself, and counts for nothing."""
    message = (
        f"The annotation seed.dev/intent names {intent.job_name}, which isn't this object's job: it counts for nothing, "
        "and nothing was taken over."
    )
    return Event(type=EventType.WARNING, reason=Reason.INTENT_DROPPED, message=message)


def between(before: SeedJobStatus, after: SeedJobStatus, *, adopted: bool = False) -> tuple[Event, ...]:
    """Give the Events that the way from one status to the next is worth."""
    told = (
        _submitted(before, after, adopted=adopted),
        _new_attempt(before, after),
        _left_behind(before, after),
        _phase(before, after),
        _ready(before, after),
        _synced(before, after),
        _attention(before, after),
        _remote_deleted(before, after),
    )
    return tuple(event for event in told if event is not None)


def orphaned(intent: Intent) -> Event:
    """Give the Event that names a remote job which nothing here follows any more."""
    place = " at ".join(part for part in (intent.seed_namespace, intent.endpoint) if part)
    where = f" in {place}" if place else ""
    message = f"The remote job {intent.job_name}{where} was left as it is; nothing here follows it any more."
    return Event(type=EventType.WARNING, reason=Reason.ORPHANED, message=message)


def abandoned(intent: Intent) -> Event:
    """Give the Event that names a remote job whose object was removed by force."""
    message = (
        f"The SeedJob was removed by force, its finalizer with it. Its remote job {intent.job_name} in "
        f"{intent.seed_namespace} may run on; nothing here follows it any more."
    )
    return Event(type=EventType.WARNING, reason=Reason.ORPHANED, message=message)


def _submitted(before: SeedJobStatus, after: SeedJobStatus, *, adopted: bool) -> Event | None:
    if before.job_id is not None or after.job_id is None:
        return None
    if adopted:
        message = f"The platform's job {after.job_name} ({after.job_id}) is what is asked for, and was taken over."
        return Event(type=EventType.NORMAL, reason=Reason.ADOPTED, message=message)
    message = f"The platform took the job as {after.job_name} ({after.job_id})."
    return Event(type=EventType.NORMAL, reason=Reason.SUBMITTED, message=message)


def _new_attempt(before: SeedJobStatus, after: SeedJobStatus) -> Event | None:
    if len(after.attempts) == 0 or before.attempts[:1] == after.attempts[:1]:
        return None
    last = after.attempts[0]
    message = f"Attempt {last.attempt} is over ({last.phase}, {last.reason}); another one follows."
    return Event(type=EventType.NORMAL, reason=Reason.NEW_ATTEMPT, message=message)


def _left_behind(before: SeedJobStatus, after: SeedJobStatus) -> Event | None:
    """Tell of a remote job that is too old to be remembered: deleting the SeedJob may not find it any more."""
    oldest = before.older_jobs[-1:]
    if not oldest or oldest == after.older_jobs[-1:] or len(after.older_jobs) < len(before.older_jobs):
        return None
    forgotten = oldest[0]
    message = (
        f"Attempt {forgotten.attempt} is forgotten: the record of {forgotten.job_name} stays on the platform for good."
    )
    return Event(type=EventType.NORMAL, reason=Reason.RECORD_KEPT, message=message)


def _remote_deleted(before: SeedJobStatus, after: SeedJobStatus) -> Event | None:
    """Tell that the platform forgot a job that had ended; where it forgot one that ran, its end tells."""
    found = _changed(before, after, ConditionType.REMOTE_DELETED)
    if found is None or found.status is not ConditionStatus.TRUE or before.phase is not after.phase:
        return None
    return Event(type=EventType.NORMAL, reason=Reason(found.reason), message=found.message)


def _phase(before: SeedJobStatus, after: SeedJobStatus) -> Event | None:
    if after.phase is None or before.phase is after.phase or after.phase not in _PHASES:
        return None
    kind, reason = _PHASES[after.phase]
    ready = conditions.find(after.conditions, ConditionType.READY)
    if after.phase is Phase.FAILED and ready is not None and ready.reason == Reason.REMOTE_DELETED:
        reason = Reason.REMOTE_DELETED
    return Event(type=kind, reason=reason, message="" if ready is None else ready.message)


def _ready(before: SeedJobStatus, after: SeedJobStatus) -> Event | None:
    """Tell of a hold or of a blocked deletion; what a phase tells already is left out."""
    ready = _changed(before, after, ConditionType.READY)
    if ready is None or ready.status is ConditionStatus.TRUE or ready.reason in _SAID_BY_PHASE | {Reason.NEW_ATTEMPT}:
        return None
    if before.phase is not after.phase and after.phase in _PHASES:
        return None
    return Event(type=EventType.WARNING, reason=Reason(ready.reason), message=ready.message)


def _synced(before: SeedJobStatus, after: SeedJobStatus) -> Event | None:
    synced = _changed(before, after, ConditionType.SYNCED)
    if synced is None or synced.status is ConditionStatus.TRUE:
        return None
    others = (conditions.find(after.conditions, kind) for kind in (ConditionType.READY, ConditionType.ATTENTION))
    if any(other is not None and other.reason == synced.reason for other in others):
        return None  # the same trouble, told once
    return Event(type=EventType.WARNING, reason=Reason(synced.reason), message=synced.message)


def _attention(before: SeedJobStatus, after: SeedJobStatus) -> Event | None:
    """Tell of what was asked and isn't carried out: it stands in no column."""
    attention = _changed(before, after, ConditionType.ATTENTION)
    if attention is None or attention.status is not ConditionStatus.TRUE or attention.reason == Reason.PAUSED:
        return None  # whoever paused it knows, and a paused object is left alone
    return Event(type=EventType.WARNING, reason=Reason(attention.reason), message=attention.message)


def _changed(before: SeedJobStatus, after: SeedJobStatus, kind: ConditionType) -> Condition | None:
    """Give the condition where its status or reason differs from before."""
    old, new = conditions.find(before.conditions, kind), conditions.find(after.conditions, kind)
    if new is None or (old is not None and (old.status, old.reason) == (new.status, new.reason)):
        return None
    return new
