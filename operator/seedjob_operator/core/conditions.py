"""Conditions in Kubernetes' shape: a status with a reason and a sentence, whose time moves only when the status flips.

Source: Kubernetes API conventions, "Typical status properties".
"""

import dataclasses
from collections.abc import Iterable, Mapping
from datetime import datetime

from seedjob_operator.core.reasons import Reason
from seedjob_operator.resources import Condition, ConditionStatus, ConditionType

ORDER = (
    ConditionType.READY,
    ConditionType.RECONCILING,
    ConditionType.STALLED,
    ConditionType.SUBMITTED,
    ConditionType.COMPLETE,
    ConditionType.FAILED,
    ConditionType.SUSPENDED,
    ConditionType.SYNCED,
    ConditionType.ATTENTION,
    ConditionType.REMOTE_DELETED,
)
"""The order in which a status lists them."""

RARE = frozenset({ConditionType.SUSPENDED, ConditionType.ATTENTION, ConditionType.REMOTE_DELETED})
"""Left out until they are True for the first time."""

_MESSAGE_LENGTH = 1024


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a condition is to say."""

    status: ConditionStatus
    reason: Reason
    message: str = ""


def find(conditions: Iterable[Condition], kind: ConditionType) -> Condition | None:
    """Give the condition of a type, or None."""
    return next((condition for condition in conditions if condition.type == kind), None)


def is_true(conditions: Iterable[Condition], kind: ConditionType) -> bool:
    """Tell whether a condition stands and is True."""
    condition = find(conditions, kind)
    return condition is not None and condition.status is ConditionStatus.TRUE


def merge(
    recorded: Iterable[Condition],
    verdicts: Mapping[ConditionType, Verdict],
    *,
    generation: int,
    now: datetime,
) -> tuple[Condition, ...]:
    """Bring recorded conditions up to date; one without a verdict keeps what it says, for the generation seen now."""
    before = {condition.type: condition for condition in recorded}
    merged = []
    for kind in ORDER:
        condition = _renewed(before.get(kind), kind, verdicts.get(kind), generation=generation, now=now)
        if condition is not None:
            merged.append(condition)
    return tuple(merged)


def _renewed(
    before: Condition | None, kind: ConditionType, verdict: Verdict | None, *, generation: int, now: datetime
) -> Condition | None:
    if verdict is None:
        return None if before is None else before.model_copy(update={"observed_generation": generation})
    if before is None and kind in RARE and verdict.status is not ConditionStatus.TRUE:
        return None
    flipped = before is None or before.status != verdict.status
    return Condition(
        type=kind,
        status=verdict.status,
        reason=verdict.reason.value,
        message=verdict.message[:_MESSAGE_LENGTH],
        observed_generation=generation,
        last_transition_time=now if flipped or before is None else before.last_transition_time,
    )
