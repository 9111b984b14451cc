"""Two sliding windows: never more than the plan in any 60 s nor than the burst in any 1 s, however the platform counts.

The platform counts a request when it arrives, which is some time between our sending it and its answer; so a request
counts from the one until a whole window after the other, and no delay on the way can push two windows' requests
together. What the platform says that others have used (or we, before a restart) counts as well, and fades at the pace of
the plan. A part of the minute is kept free: for cancels always, for pages of lists as far as they were asked for.
"""

import heapq
import itertools
import math
from collections import Counter, deque
from collections.abc import Iterator
from enum import IntEnum, unique

from seedjob_operator.seedapi.plan import Plan

MINUTE = 60.0
SECOND = 1.0
MOST_FOR_LISTS = 2 / 3
"""The part of a minute that may be kept for lists; the rest is for what the lists are read for."""


@unique
class Priority(IntEnum):
    """Who goes first; a lower number before a higher one. SPARE is for what may as well not be sent: it takes leavings."""

    CANCEL_DELETE = 0
    CREATE = 1
    LIST = 2
    GET = 3
    ANALYTICS = 4
    LOGS = 5
    SPARE = 6

    @property
    def ages(self) -> bool:
        """Whether requests of this priority go before others once they have waited for long: reads do."""
        return Priority.CREATE < self < Priority.SPARE


class Windows:
    """One credential's windows. Times are monotonic seconds."""

    def __init__(self, plan: Plan = Plan()) -> None:  # noqa: B008  # frozen
        self.plan = plan
        self.kept_for_lists = 0
        self._under_way: Counter[Priority] = Counter()
        self._answered: deque[tuple[float, Priority]] = deque()
        self._in_minute: Counter[Priority] = Counter()
        self._in_second: deque[float] = deque()
        self._foreign, self._foreign_at = 0.0, 0.0

    def wait(self, now: float, priority: Priority) -> float:
        """Give the seconds until one more request fits: 0 for now, infinity where only an answer makes room."""
        self._prune(now)
        return max(self._minute(now, priority), self._second(now, priority))

    def used(self, now: float, priority: Priority | None = None) -> int:
        """Count our requests in the last minute, those under way among them; all, or those of one priority."""
        self._prune(now)
        if priority is None:
            return self._under_way.total() + len(self._answered)
        return self._under_way[priority] + self._in_minute[priority]

    def foreign(self, now: float) -> int:
        """Count what others have used of the plan, by the platform's word."""
        return math.ceil(self._foreign - (now - self._foreign_at) * (self.plan.per_minute or 0) / MINUTE - 1e-9)

    def owed_to_lists(self, now: float) -> int:
        """Count the requests of this minute that are kept for lists and not used yet."""
        if self.plan.per_minute is None:
            return 0
        kept = min(self.kept_for_lists, int(self.plan.per_minute * MOST_FOR_LISTS))
        return max(0, kept - self.used(now, Priority.LIST))

    def begin(self, priority: Priority) -> None:
        """Count a request that is sent now."""
        self._under_way[priority] += 1

    def answered(self, now: float, priority: Priority) -> None:
        """The answer has come, or never will."""
        self._under_way[priority] -= 1
        self._in_minute[priority] += 1
        self._in_second.append(now)
        self._answered.append((now, priority))  # also without a limit: the platform may tell one in this very answer

    def withdraw(self, priority: Priority) -> None:
        """Take back a request that was never sent."""
        self._under_way[priority] -= 1

    def remaining(self, now: float, told: int) -> None:
        """The platform says how many more it takes: what of ours it can't have counted yet is taken off that."""
        self._prune(now)
        most = self.plan.per_minute or 0
        self._foreign, self._foreign_at = max(0.0, float(most - len(self._answered) - told)), now

    def _prune(self, now: float) -> None:
        while self._answered and self._answered[0][0] + MINUTE <= now:
            self._in_minute[self._answered.popleft()[1]] -= 1
        while self._in_second and self._in_second[0] + SECOND <= now:  # without a limit, too: nothing may pile up
            self._in_second.popleft()

    def _minute(self, now: float, priority: Priority) -> float:
        most = self.plan.per_minute
        if most is None:
            return 0.0
        foreign = max(0, self.foreign(now))
        most -= self._kept(most, priority)
        if priority not in {Priority.CANCEL_DELETE, Priority.LIST}:
            most = max(1, most - self.owed_to_lists(now))
        surplus = self._under_way.total() + len(self._answered) + foreign - most
        if surplus < 0:
            return 0.0
        ours = (at + MINUTE for at, _ in self._answered)
        leaving = heapq.merge(ours, self._fading(foreign))
        return max(next(itertools.islice(leaving, surplus, None), math.inf) - now, 0.0)

    def _fading(self, foreign: int) -> Iterator[float]:
        """Give the times at which what others have used is no longer held against us."""
        pace = (self.plan.per_minute or 1) / MINUTE
        return (self._foreign_at + (self._foreign - left) / pace for left in range(foreign - 1, -1, -1))

    def _second(self, now: float, priority: Priority) -> float:
        most = self.plan.burst
        if most is None:
            return 0.0
        most -= self._kept(most, priority)
        surplus = self._under_way.total() + len(self._in_second) - most
        if surplus < 0:
            return 0.0
        return self._in_second[surplus] + SECOND - now if surplus < len(self._in_second) else math.inf

    def _kept(self, most: int, priority: Priority) -> int:
        """Everybody leaves a tenth to cancels and deletes; lists half of that, so that a crowd of creates delays no round.

        What takes leavings leaves three tenths, so that what comes next seldom finds them taken.
        Where a tenth is less than one, the important only go first.
        """
        if priority is Priority.CANCEL_DELETE:
            return 0
        if priority is Priority.SPARE:
            return most * 3 // 10
        return (most // 10 + 1) // 2 if priority is Priority.LIST else most // 10
