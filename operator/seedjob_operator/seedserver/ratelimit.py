"""The plans' rate limits: a sliding minute, and a sliding second for bursts. No clock of its own."""

import math
from collections import deque
from dataclasses import dataclass
from types import MappingProxyType

_MINUTE, _SECOND = 60.0, 1.0


@dataclass(frozen=True)
class Plan:
    """How many requests a credential may send."""

    per_minute: int
    burst: int


PLANS = MappingProxyType({"60": Plan(60, 10), "300": Plan(300, 30), "1000": Plan(1000, 100), "unlimited": None})
"""The plans of the contract (Where and who); None has no limits and no headers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a request may pass. Times in seconds; `reset_after` is until the minute is wholly free again."""

    allowed: bool
    limit: int
    remaining: int
    reset_after: float
    retry_after: float = 0.0


class RateLimit:
    """Counts one credential's requests. Refused ones don't count."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._passed: deque[float] = deque()

    def check(self, now: float) -> Verdict:
        """Count a request at a time (seconds, never going back), if it may pass."""
        passed = self._passed
        while passed and passed[0] <= now - _MINUTE:
            passed.popleft()
        wait = self._wait(now)
        if not wait:
            passed.append(now)
        return Verdict(
            allowed=not wait,
            limit=self._plan.per_minute,
            remaining=self._plan.per_minute - len(passed),
            reset_after=passed[-1] + _MINUTE - now,
            retry_after=wait,
        )

    def _wait(self, now: float) -> float:
        plan, passed = self._plan, self._passed
        if len(passed) >= plan.per_minute:
            return passed[0] + _MINUTE - now
        if len(passed) >= plan.burst:
            return max(passed[-plan.burst] + _SECOND - now, 0.0)
        return 0.0


def whole_seconds(seconds: float) -> int:
    """Round up, at least 1: who waits as long as he is told must then pass."""
    return max(math.ceil(seconds), 1)
