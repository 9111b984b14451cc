"""When an ended attempt is followed by another one, and how the first makes room."""

import dataclasses

from seedjob_operator.core import attempts, outcome, spending, verbs
from seedjob_operator.core.case import Case
from seedjob_operator.core.conditions import Verdict
from seedjob_operator.core.decision import BeginAttempt, Decision
from seedjob_operator.core.reasons import Reason
from seedjob_operator.core.situation import Situation, compose
from seedjob_operator.resources import ConditionStatus, Phase, SeedJobStatus

_PREPARED = "A new attempt is being prepared."
_MADE_ROOM = frozenset({Reason.RUN_ID_CHANGED.value, Reason.REPLACED.value})


def succeed(case: Case, ended: SeedJobStatus | None = None) -> Decision | None:
    """Give the step to the next attempt, where one is due after the end; `ended` is an end that isn't recorded yet."""
    final = case if ended is None else case.with_status(ended)
    if not _is_due(final):
        return None
    room = attempts.archived(final.desired.status, run_id=case.desired.spec.run_id, generated=case.generated_name)
    situation = Situation(
        phase=Phase.PENDING,
        reason=Reason.NEW_ATTEMPT,
        message=_PREPARED,
        attention=Verdict(status=ConditionStatus.FALSE, reason=Reason.CARRIED_OUT),
        currency=case.observed.currency,
    )
    desired = dataclasses.replace(case.desired, status=room)
    return Decision(status=compose(desired, situation, case.now), step=BeginAttempt())


def _is_due(case: Case) -> bool:
    """Tell whether a new attempt is to follow the one that ended."""
    if case.desired.unreadable is not None:
        return False
    if verbs.new_run_asked(case):
        return True
    status, spec = case.desired.status, case.desired.spec
    if verbs.already_ran(case) or spec.cancel or spending.exceeded(case):
        return False
    if status.phase is Phase.SUSPENDED:
        return not spec.suspend
    if status.phase is Phase.CANCELLED:  # for good, unless it only made room for what isn't wanted any more
        return status.cancel_reason in _MADE_ROOM
    return verbs.replacement_asked(case)


def conclude(case: Case) -> Decision | None:
    """End a run for good that is only held: by `cancel`, or because resuming it would cost too much."""
    if case.desired.status.phase is not Phase.SUSPENDED:
        return None
    reason = verbs.reason_not_to_start(case)
    if reason not in {Reason.CANCELLED_BY_USER, Reason.COST_LIMIT_EXCEEDED}:
        return None
    return case.settle(case.situation(*outcome.CANCELLED[reason]))
