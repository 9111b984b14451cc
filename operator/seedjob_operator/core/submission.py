"""Rules from a new SeedJob to its remote job: what holds it, and how a create is settled without making a second."""

import dataclasses
from datetime import datetime, timedelta

from seedjob_operator.core import (
    absence,
    attention,
    claims,
    conditions,
    events,
    masking,
    outcome,
    pacing,
    recovery,
    renewal,
    verbs,
)
from seedjob_operator.core.case import Case
from seedjob_operator.core.decision import (
    CreateJob,
    Decision,
    DropIntent,
    HoldConnection,
    ReadEnvironment,
    ReadJob,
    WriteIntent,
)
from seedjob_operator.core.intent import Intent
from seedjob_operator.core.reasons import NEEDS_EDIT, Reason
from seedjob_operator.core.snapshot import MISSING, UNREAD, Connection, Hold, Sent
from seedjob_operator.core.verdicts import of_platform
from seedjob_operator.resources import AdoptionPolicy, ConditionType, Phase, Unreadable
from seedjob_operator.seedapi.wire import Job

UNPROVEN_WAIT = 5.0
_REJECTED = frozenset({Sent.REJECTED, Sent.REJECTED_AFTER_UNANSWERED})
_UNSETTLED_HOLD = Hold(
    reason=Reason.SUBMISSION_UNSETTLED,
    message="A create that was sent may yet be carried out; it's looked for until the platform surely has no such job.",
)
_CONTRADICTED_HOLD = Hold(
    reason=Reason.SUBMISSION_UNSETTLED,
    message="The platform says that the job's name is taken, and shows no job that has it; both are asked again.",
)
_SHORTEST_NAME_CHECK = timedelta(seconds=15)
_LONGEST_NAME_CHECK = timedelta(minutes=10)


def submit(case: Case) -> Decision:
    """Bring a SeedJob without a recorded remote job to one, or say what holds it."""
    if _may_have_been_sent(case):
        return _find(case)
    return _not_started(case) or _hold(case) or _send(case)


def hold_unreadable(case: Case, unreadable: Unreadable) -> Decision:
    """Submit nothing of a spec that can't be read, but look for the job of an open create until there surely is none."""
    hold, intent = Hold(reason=Reason.SPEC_UNREADABLE, message=unreadable.message), case.stored_intent
    sought = intent is not None and case.may_have_been_sent and not isinstance(case.observed.remote, Job)
    if intent is None or not sought or case.out_of_reach or absence.is_gone(case, intent):
        return held(case, hold)
    wait = absence.seconds_to_next_look(case)
    if wait == 0 and not case.observed.fresh:
        return Decision(step=ReadJob(name=intent.job_name, urgent=True))
    return held(case, hold, look_again=wait or absence.BETWEEN_ABSENCES.total_seconds())


def _not_started(case: Case) -> Decision | None:
    """Hold or end, by the strongest verb, a run that has no job."""
    reason = verbs.reason_not_to_start(case)
    if reason is None:
        return None
    if reason is Reason.RUN_ID_ALREADY_RAN:
        return held(case, Hold(reason=reason, message=attention.RUN_ID_ALREADY_RAN))
    situation = case.situation(*outcome.CANCELLED[reason])
    return case.settle(dataclasses.replace(situation, intent=None, synced=recovery.synced_again(case)))


def _may_have_been_sent(case: Case) -> bool:
    if case.intent is None:
        return False
    # Nobody else has a reason to use a generated name: where it exists, it's ours.
    ours_exists = case.sent is Sent.CONFLICT and case.intent.has_generated_name
    return ours_exists or case.may_have_been_sent


def _find(case: Case) -> Decision:
    """Look for the job of an intent whose create may have been carried out, before anything is sent again."""
    intent, observed = case.intent, case.observed
    assert intent is not None  # noqa: S101  # for the type checker: `submit` asked
    unreachable = _unreachable(case)
    if unreachable is not None:
        return held(case, unreachable)
    if not observed.fresh or observed.remote is UNREAD:
        return Decision(step=ReadJob(name=intent.job_name, urgent=True))
    if not isinstance(observed.remote, Job):
        return _not_there(case, intent)
    if case.next_name == intent.job_name and claims.may_adopt(case, observed.remote):
        return name_taken(case, intent.job_name)
    told = (events.orphaned(intent),) if claims.in_doubt(case) else ()
    return Decision(step=DropIntent(), events=(*told, events.INTENT_DROPPED))  # begin anew, as the spec is now


def _not_there(case: Case, intent: Intent) -> Decision:
    """Send again what a 404 says nothing of; what isn't to be sent again is looked for until it's surely gone."""
    unwanted = verbs.reason_not_to_start(case) is not None
    nameless = case.desired.spec.job_name is None and not intent.has_generated_name
    unknown_name = nameless and case.sent is Sent.UNKNOWN
    if not unwanted and not unknown_name:
        return _hold(case) or _send(case)
    if not absence.is_gone(case, intent):
        wait = absence.seconds_to_next_look(case)
        return held(case, _UNSETTLED_HOLD, look_again=wait or absence.BETWEEN_ABSENCES.total_seconds())
    return _not_started(case) or Decision(step=DropIntent(), events=(events.INTENT_DROPPED,))


def _send(case: Case) -> Decision:
    """Take the next of the steps: environment, free name, intent, create."""
    desired, observed = case.desired, case.observed
    if not observed.environment_read:
        return Decision(
            step=ReadEnvironment(attempt=_name_to_send(case)[1], previous_artifacts=desired.status.previous_artifacts)
        )
    if isinstance(observed.connection, Connection) and observed.connection.name != desired.connection_name:
        return Decision(requeue_after=1.0)  # the last attempt's way was looked up for this pass; the next has its own
    if desired.connection_name and not observed.connection_held:
        return Decision(step=HoldConnection(name=desired.connection_name))
    name, attempt = _name_to_send(case)
    if _needs_free_name(case, name):
        taken = isinstance(observed.remote, Job) and observed.remote.name == name
        if not observed.fresh or (isinstance(observed.remote, Job) and not taken):
            return Decision(step=ReadJob(name=name))
        if taken:
            return name_taken(case, name)
    intent, secrets = case.stored_intent, masking.to_send(case, name)
    current = (
        intent is not None
        and (intent.uid, intent.adopted_id, intent.secrets) == (desired.uid, None, secrets)
        and (intent.spec_hash, intent.run_id, intent.job_name) == (desired.spec_hash, desired.spec.run_id, name)
    )
    current = current and desired.finalizer and not case.elsewhere
    if intent is not None and current and case.sent is Sent.UNKNOWN:
        # Written again before anything is sent: this fails where another replica, or a deletion, went on meanwhile.
        time = case.intent_time if renewal.may_be_redated(case, intent) else intent.time
        return Decision(step=WriteIntent(intent=dataclasses.replace(intent, time=time), sent=case.sent))
    if intent is None or not current or case.sent is Sent.CONFLICT or renewal.is_old(case, intent):
        connection = observed.connection
        assert isinstance(connection, Connection)  # noqa: S101  # for the type checker: `_hold` saw to it
        renewed = dataclasses.replace(case.new_intent(connection, job_name=name, attempt=attempt), secrets=secrets)
        return Decision(step=WriteIntent(intent=renewal.remembering(case, renewed), sent=case.sent))
    return Decision(step=CreateJob(intent=intent))


def _name_to_send(case: Case) -> tuple[str, int]:
    """Give the name and number to submit under: those of a create that may yet be carried out, else the spec's."""
    intent = case.stored_intent
    if intent is not None and case.may_have_been_sent:
        return intent.job_name, intent.attempt
    return case.next_name, case.next_attempt


def _needs_free_name(case: Case, name: str) -> bool:
    """A chosen name may be anybody's: a read must have said 404 before the intent is stored."""
    intent = case.stored_intent
    unlooked = intent is None or intent.job_name != name or case.sent is Sent.CONFLICT
    return case.desired.spec.job_name is not None and unlooked


def _hold(case: Case) -> Decision | None:
    """Give the decision to wait, where something holds the submission."""
    hold = _rejected(case) or _unreachable(case) or case.observed.environment_hold
    if hold is not None:
        return held(case, hold)
    connection = case.observed.connection
    if isinstance(connection, Connection) and not connection.proven:
        return Decision(requeue_after=UNPROVEN_WAIT)
    return _contradicted(case)


def _contradicted(case: Case) -> Decision | None:
    """Wait where the platform refused a name as taken and shows nothing under it: reads may lag behind creates."""
    observed = case.observed
    if not observed.conflicts or not observed.fresh or observed.remote is not MISSING:
        return None
    since = observed.absences[0] if observed.absences else case.now
    wait = pacing.until_next_try(since, case.now, tries=observed.conflicts)
    if wait == 0:
        return None
    return held(case, _CONTRADICTED_HOLD, look_again=max(min(wait, pacing.until_next_look(since, case.now)), 1.0))


def _rejected(case: Case) -> Hold | None:
    if case.sent in _REJECTED and _rejected_hash(case) == case.desired.spec_hash:
        return Hold(reason=Reason.SPEC_REJECTED, message=_rejection(case))
    return None


def _rejected_hash(case: Case) -> str | None:
    if case.observed.rejected_hash is not None:
        return case.observed.rejected_hash
    return case.intent.spec_hash if case.intent is not None else case.desired.status.spec_hash


def _rejection(case: Case) -> str:
    if case.observed.rejection:
        why = case.observed.rejection.rstrip(". ")
        return f"The platform refused the job: {why}. Change spec.job; it is sent again by itself."
    recorded = conditions.find(case.desired.status.conditions, ConditionType.SUBMITTED)
    return recorded.message if recorded is not None else "The platform refused the job. Change spec.job."


def _unreachable(case: Case) -> Hold | None:
    connection = case.observed.connection
    if isinstance(connection, Hold):
        return connection
    if case.fault is not None:
        return Hold(reason=case.fault.reason, message=case.fault.message)
    return None


def name_taken(case: Case, name: str) -> Decision:
    """Take over the job that has the name, where that is allowed and it's the same job; else say that it's taken."""
    job, connection = case.observed.remote, case.observed.connection
    if isinstance(job, Job) and isinstance(connection, Connection) and claims.may_adopt(case, job):
        known = case.stored_intent if case.inherited else None
        attempt = known.attempt if known is not None else _name_to_send(case)[1]
        origin = (known.origin_uid or known.uid) if known is not None else None
        intent = case.new_intent(connection, job_name=name, attempt=attempt)
        intent = dataclasses.replace(intent, adopted_id=job.id, origin_uid=origin)
        return Decision(step=WriteIntent(intent=intent, sent=case.sent))
    compared = case.desired.spec.adoption_policy is AdoptionPolicy.IF_MATCHING
    why = " and isn't what spec.job says, or is another SeedJob's" if compared else ""
    message = (
        f"Another job on the platform is called {name}{why}: choose another spec.jobName, or remove that job; whether the name "
        "is free is looked at again by itself."
    )
    return held(case, Hold(reason=Reason.NAME_TAKEN, message=message))


def held(case: Case, hold: Hold, *, look_again: float | None = None) -> Decision:
    """Give the decision to stay Pending for a reason, and when to look again."""
    situation = case.situation(Phase.PENDING, hold.reason, hold.message)
    taken = hold.reason is Reason.NAME_TAKEN
    situation = dataclasses.replace(
        situation,
        # A connection that can't be used is a matter of `Synced` too; what the manifest lacks is not.
        synced=of_platform(case.fault or (hold if hold is case.observed.connection else None)),
        refused_name=_name_to_send(case)[0] if taken else None,
        attention=attention.of_attempt(case) if hold.reason is Reason.RUN_ID_ALREADY_RAN else None,
    )
    return case.settle(situation, requeue_after=look_again or _look_again(case, hold))


def _look_again(case: Case, hold: Hold) -> float | None:
    if hold.reason is Reason.NAME_TAKEN:
        return pacing.until_next_look(
            _held_since(case), case.now, shortest=_SHORTEST_NAME_CHECK, longest=_LONGEST_NAME_CHECK
        )
    if hold.reason in NEEDS_EDIT:
        return None
    return case.retry_delay() if case.fault is not None else pacing.until_next_look(_held_since(case), case.now)


def _held_since(case: Case) -> datetime | None:
    recorded = conditions.find(case.desired.status.conditions, ConditionType.SUBMITTED)
    return recorded.last_transition_time if recorded is not None else None
