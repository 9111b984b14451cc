"""What is told of a SeedJob in `kubectl describe`, beside its status."""

import dataclasses
from enum import StrEnum

from seedjob_operator.core.reasons import Reason


class EventType(StrEnum):
    """Kubernetes' two types of Event."""

    NORMAL = "Normal"
    WARNING = "Warning"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Event:
    """Something to tell once, in `kubectl describe`."""

    type: EventType
    reason: Reason
    message: str
