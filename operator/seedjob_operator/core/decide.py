"""Every rule about a SeedJob, in one pure function.

The first row that applies decides. `resource.md` is the page that this is as code.

| # | when                                                            | then                                               |
|---|-----------------------------------------------------------------|----------------------------------------------------|
| 1 | deleted, `seed.dev/force-orphan`                                | tell of the remote job, release the object         |
| 2 | `seed.dev/paused`                                               | say so in Attention, nothing else                  |
| 3 | deleted                                                         | `deletion`: cancel, remove, confirm, release       |
| 4 | the status was emptied by somebody, and what it said isn't known| mark the intent: the attempt isn't submitted again |
| 5 | a spec that can't be read, and no job is known                  | hold, and say what is odd                          |
| 6 | an intent that isn't this object's                              | drop it, with an Event                             |
| 7 | what was seen and sent is about an attempt in the records       | turn to the next                                   |
| 8 | the attempt's end is recorded, and another one is due           | `succession`: move it to the records               |
| 9 | the attempt's end is recorded                                   | `ending`: keep it, add what comes late, TTLs; put  |
|   |                                                                 | back an intent or finalizer that was taken away    |
|10 | the attempt is bound to another place than the connection names | touch nothing, say so in Attention                 |
|11 | the remote job is recorded, inherited, or seen and ours         | `following`: status = what the platform says; a    |
|   |                                                                 | verb that asks for it: cancel, await the end       |
|12 | else                                                            | `submission`: hold, or intent, then create, settle |

Which verb is stronger stands in `verbs`, once.
"""

import dataclasses
from datetime import datetime

from seedjob_operator.core import claims, conditions, deletion, ending, events, following, submission, succession
from seedjob_operator.core.case import Case
from seedjob_operator.core.conditions import Verdict
from seedjob_operator.core.decision import BeginAttempt, Decision, DropIntent, WriteIntent
from seedjob_operator.core.reasons import Reason
from seedjob_operator.core.snapshot import Desired, Observed
from seedjob_operator.core.telling import Event
from seedjob_operator.resources import ConditionStatus, ConditionType


def decide(desired: Desired, observed: Observed, now: datetime) -> Decision:
    """Say what to do now about one SeedJob.

    The answer's status is to be written first, then its step taken, its outcome observed (`learning`), and the question
    put again. Asking twice with the same arguments gives the same answer.
    """
    case = Case(desired, observed, now)
    decision = _first_rule(case)
    if decision.status is None:
        return _told_once(decision, observed.told) if observed.told else decision
    adopted = case.intent is not None and case.intent.adopted_id is not None
    told = events.between(desired.status, decision.status, adopted=adopted)
    return dataclasses.replace(decision, events=decision.events + told)


def _told_once(decision: Decision, told: tuple[Event, ...]) -> Decision:
    """Leave out what was told with the write that is now tried again."""
    return dataclasses.replace(decision, events=tuple(event for event in decision.events if event not in told))


def _first_rule(case: Case) -> Decision:
    desired = case.desired
    if desired.deleting and desired.force_orphan:
        return deletion.let_go(case) if deletion.holds(case) else Decision()
    if desired.paused:
        return _paused(case)
    if desired.deleting:
        return deletion.clean_up(case)
    if case.status_was_wiped:
        return _mark_wiped(case)
    if desired.unreadable is not None and not (case.over or case.made or claims.owns(case)):
        return submission.hold_unreadable(case, desired.unreadable)
    return _rule_of_attempt(case)


def _rule_of_attempt(case: Case) -> Decision:
    """Give the rule for an object that is wanted, written to and readable."""
    desired = case.desired
    if _has_stray_intent(case):
        return _drop_intent(case)
    if case.superseded and desired.intent is not None and case.observed.about == desired.intent.job_name:
        return Decision(step=BeginAttempt())
    if case.over:
        return succession.succeed(case) or succession.conclude(case) or _secure_again(case) or ending.keep(case)
    intent = case.intent
    if intent is not None and case.elsewhere and not deletion.nothing_was_made(case):
        return following.touched_no_more(case)
    if intent is not None and (case.made or claims.owns(case)):
        return following.refused(case, intent) or following.follow(case, intent)
    return submission.submit(case)


def _mark_wiped(case: Case) -> Decision:
    """Note in the intent, before the status is written again, that the job may have been recorded: never a new run."""
    intent = case.stored_intent
    assert intent is not None  # noqa: S101  # for the type checker: `status_was_wiped` asked
    return Decision(step=WriteIntent(intent=dataclasses.replace(intent, status_wiped="true")))


def _secure_again(case: Case) -> Decision | None:
    """An ended job's record is removed with its owner, as long as the finalizer and the intent are there."""
    return following.secure_again(case, case.intent) if case.intent is not None and case.submitted else None


def _has_stray_intent(case: Case) -> bool:
    uncounted = case.desired.intent is not None and case.stored_intent is None and not case.superseded
    return case.desired.stray_intent or uncounted


def _drop_intent(case: Case) -> Decision:
    if case.made:
        return _first_rule(_without_intent(case))
    return Decision(step=DropIntent(), events=(events.INTENT_DROPPED,))


def _without_intent(case: Case) -> Case:
    """Where the job is recorded or was answered, that is what a damaged intent is rebuilt from."""
    desired = dataclasses.replace(case.desired, intent=None, stray_intent=False)
    return Case(desired, case.observed, case.now)


def _paused(case: Case) -> Decision:
    """Write nothing but Attention; a new object stays as new as it was."""
    message = (
        "The annotation seed.dev/paused holds this object: nothing is written, submitted, cancelled or removed. Remove it to "
        "go on."
    )
    verdict = Verdict(status=ConditionStatus.TRUE, reason=Reason.PAUSED, message=message)
    recorded = case.desired.status
    told = conditions.find(recorded.conditions, ConditionType.ATTENTION)
    follow = _still_read(case)
    if told is not None and (told.status, told.reason) == (ConditionStatus.TRUE, Reason.PAUSED):
        return Decision(follow=follow)
    merged = conditions.merge(
        recorded.conditions,
        {ConditionType.ATTENTION: verdict},
        generation=recorded.observed_generation,
        now=case.now,
    )
    return Decision(status=recorded.model_copy(update={"conditions": merged}), follow=follow)


def _still_read(case: Case) -> str | None:
    """Name the job that remote reads go on for while nothing is written."""
    intent = case.intent
    active = intent is not None and case.submitted and not case.ended and not case.elsewhere
    return intent.job_name if intent is not None and active else None
