"""How evenly requests go: a bucket that fills at the plan's pace and holds the plan's burst.

The windows alone would let a whole minute's requests go in six seconds, and then nobody for fifty-four: no page of a
list, no result of a job that ended. And a platform that itself counts with a bucket would refuse what comes after the
burst. A 429 within the plan means that the pace is too high, perhaps because others have the same credential: it shrinks,
and grows back slowly.
"""

from seedjob_operator.seedapi.plan import Plan

_SLOWEST = 0.1
_SLOWER = 0.8
_RECOVERY = 0.05 / 10.0
"""Parts of the pace that come back a second."""


class Pacing:
    """One credential's bucket. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._plan = Plan()
        self._pace = 1.0
        self._tokens = 1.0
        self._at: float | None = None

    def set_plan(self, plan: Plan) -> None:
        """Pace by another plan; the bucket begins full."""
        self._plan, self._at = plan, None

    @property
    def capacity(self) -> float:
        """How many may go at once: a few less than the plan says, since some are faster on the way than others."""
        most = self._plan.burst or self._plan.per_minute or 1
        return float(most - most // 10)

    @property
    def rate(self) -> float | None:
        """Requests per second; None without a plan."""
        return None if self._plan.per_minute is None else self._plan.per_minute * self._pace / 60.0

    def wait(self, now: float) -> float:
        """Give the seconds until the next request may go."""
        self._fill(now)
        if self.rate is None or self._tokens >= 1.0 - 1e-9:
            return 0.0
        return (1.0 - self._tokens) / self.rate

    def take(self, now: float) -> None:
        """Count a request, also one that didn't wait for the bucket."""
        self._fill(now)
        self._tokens = max(self._tokens - 1.0, -self.capacity)

    def give_back(self) -> None:
        """A request was never sent."""
        self._tokens = min(self._tokens + 1.0, self.capacity)

    def too_fast(self, now: float) -> None:
        """The platform refused a request that was within the plan."""
        self._fill(now)
        self._pace = max(self._pace * _SLOWER, _SLOWEST)
        self._tokens = min(self._tokens, 0.0)

    def _fill(self, now: float) -> None:
        if self._at is None:
            self._tokens = self.capacity
        elif self.rate is not None:
            self._tokens = min(self._tokens + (now - self._at) * self.rate, self.capacity)
            self._pace = min(self._pace + (now - self._at) * _RECOVERY, 1.0)
        self._at = now
