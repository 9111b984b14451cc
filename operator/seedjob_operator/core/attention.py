"""What was asked of a job and isn't carried out, though nothing is wrong with it."""

from seedjob_operator.core import verbs
from seedjob_operator.core.case import Case
from seedjob_operator.core.conditions import Verdict
from seedjob_operator.core.reasons import Reason
from seedjob_operator.resources import ConditionStatus, UpdatePolicy

RUN_ID_ALREADY_RAN = "The run that spec.runId names is over and isn't run again: set a runId that was never used."
_SPEC_CHANGED = (
    "spec.job changed while it was being submitted; this attempt runs what was sent. A new runId runs it anew."
)
_NOBODY_KNOWS = (
    "spec.job changed while a create of it was unanswered. Nobody knows which of the two this attempt runs: it counts as the "
    "first. A new runId surely runs what spec.job says."
)


def of_attempt(case: Case) -> Verdict | None:
    """Say what was asked of the attempt in force and isn't carried out."""
    unreadable = case.desired.unreadable
    if unreadable is not None:
        return told(Reason.SPEC_UNREADABLE, unreadable.message)
    if verbs.already_ran(case):
        return told(Reason.RUN_ID_ALREADY_RAN, RUN_ID_ALREADY_RAN)
    spec = case.desired.spec
    kept = spec.update_policy is UpdatePolicy.IMMUTABLE and spec.run_id == case.run_id
    if kept and case.sent_hash is not None and case.sent_hash != case.desired.spec_hash:
        stored = case.stored_intent
        unsure = stored is not None and stored.earlier_spec == case.sent_hash
        return told(Reason.SPEC_CHANGED_AFTER_SUBMIT, _NOBODY_KNOWS if unsure else _SPEC_CHANGED)
    return None


def told(reason: Reason, message: str) -> Verdict:
    """Give the verdict that raises attention."""
    return Verdict(status=ConditionStatus.TRUE, reason=reason, message=message)
