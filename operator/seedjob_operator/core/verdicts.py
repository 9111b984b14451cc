"""Conditions that are said again, or that a fault gives: what is recorded, and what `Synced` says of the platform."""

from collections.abc import Mapping

from seedjob_operator.core import conditions
from seedjob_operator.core.conditions import Verdict
from seedjob_operator.core.intent import Intent
from seedjob_operator.core.reasons import Reason
from seedjob_operator.core.snapshot import Fault, Hold, Reach
from seedjob_operator.resources import ConditionStatus, ConditionType, Phase, SeedJobStatus

_REFUSALS = frozenset({Reason.SPEC_REJECTED, Reason.NAME_TAKEN})
_UNSETTLED = (Reason.SUBMISSION_UNSETTLED, "The job was not submitted yet.")
_BY_PHASE: Mapping[Phase | None, tuple[Reason, str]] = {
    Phase.QUEUED: (Reason.QUEUED, "The job waits for its turn on the platform."),
    Phase.RUNNING: (Reason.RUNNING, "The job is running."),
    Phase.CANCELLING: (Reason.CANCEL_REQUESTED, "The remote job is being cancelled."),
    Phase.SUSPENDED: (Reason.SUSPENDED, "The job is held by spec.suspend."),
    Phase.CANCELLED: (Reason.CANCELLED_BY_USER, "The run was cancelled by spec.cancel."),
    Phase.SUCCEEDED: (Reason.SUCCEEDED, "The job succeeded."),
    Phase.FAILED: (Reason.FAILED, "The job failed."),
    Phase.TIMED_OUT: (Reason.DEADLINE_EXCEEDED, "The job ran into its timeoutMinutes."),
}
SYNCED = Verdict(status=ConditionStatus.TRUE, reason=Reason.SYNCED, message="The status is what the platform says.")


def recorded(status: SeedJobStatus, kind: ConditionType) -> tuple[Reason, str]:
    """Give the reason and message that a recorded condition has; what its phase says where it was edited away."""
    found = conditions.find(status.conditions, kind)
    if found is None or found.reason not in set(Reason):
        return _BY_PHASE.get(status.phase, _UNSETTLED)
    if found.reason in _REFUSALS:
        return _UNSETTLED  # said again, it would count as the refusal of an intent that was never answered
    return Reason(found.reason), found.message


def of_platform(fault: Fault | Hold | None) -> Verdict:
    """Give what `Synced` says of a fault: Unknown for an unreachable platform, False for one that refuses us."""
    if fault is None:
        return SYNCED
    if isinstance(fault, Hold):
        return Verdict(status=ConditionStatus.FALSE, reason=fault.reason, message=fault.message)
    status = ConditionStatus.UNKNOWN if fault.reach is Reach.UNREACHABLE else ConditionStatus.FALSE
    return Verdict(status=status, reason=fault.reason, message=fault.message)


def moved_away(intent: Intent) -> Hold:
    """Give why an attempt is left alone that is bound to another place than its connection names now."""
    message = (
        f"The job is at {intent.endpoint} in {intent.seed_namespace}, and the settings of its connection now name another "
        "place: it is neither followed nor touched until they match again. Put the old ones back."
    )
    return Hold(reason=Reason.CONNECTION_CHANGED, message=message)
