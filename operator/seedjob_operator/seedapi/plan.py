"""How much a credential may send: what its connections were told, and what the platform's answers say of it.

A figure that makes no sense changes nothing and is noted, so that somebody can see it. No waiting and no clock in here.
"""

import dataclasses
from collections.abc import Hashable, Iterable, Mapping

from seedjob_operator.seedapi.ratelimit import read_limit
from seedjob_operator.seedapi.wire import Header

MOST_PER_MINUTE = 100_000
"""Requests per minute; a limit above it is taken for a mistake."""
_BURSTS = {60: 10, 300: 30, 1000: 100}


def plan_burst(per_minute: int) -> int:
    """Give the most requests in one second that belong to a plan; between the plans a sixth of the minute's."""
    return _BURSTS.get(per_minute, max(1, per_minute // 6))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """Requests in any minute and in any second; None is no limit.

    `assumed`: nobody wrote these figures down, so the platform's own word counts instead, upward too.
    """

    per_minute: int | None = None
    burst: int | None = None
    assumed: bool = False


class KnownPlan:
    """What is known of one credential's plan. `notes` are sentences about figures that make no sense, by kind."""

    def __init__(self) -> None:
        self.notes: dict[str, str] = {}
        self.shards = 1
        self.told: int | None = None
        self._configured: dict[Hashable, Plan] = {}
        self.in_force = Plan()

    def configure(self, owner: Hashable, plan: Plan) -> None:
        """Set what one connection says of the plan, in place of what it said before."""
        if self._configured.get(owner) != plan:
            self._configured[owner] = plan
            self._settle()

    def forget(self, owner: Hashable) -> None:
        """A connection is gone, and what it said with it."""
        self._configured.pop(owner, None)
        self._settle()

    def divide(self, shards: int) -> None:
        """Keep to this replica's part: so many share the credential."""
        self.shards = max(1, shards)
        self._settle()

    def observe(self, headers: Mapping[str, str]) -> None:
        """Take in an answer's limit."""
        told = read_limit(headers)
        if told is not None and 1 <= told <= MOST_PER_MINUTE:
            self._note("limit", None)
            self._note("no limit", None)
            if told != self.told:
                self.told = told
                self._settle()
        elif Header.RATE_LIMIT in headers:
            text = "The platform tells a limit of requests per minute that can't be one; it is taken as not said."
            self._note("limit", text)
        elif self.told is None:
            self._note("no limit", "The platform's answers tell no limit of requests; the configured one is kept to.")

    def _note(self, kind: str, text: str | None) -> None:
        if text is None:
            self.notes.pop(kind, None)
        else:
            self.notes[kind] = text

    def _settle(self) -> None:
        """Of two plans for one credential the smaller holds, and of a plan and the platform's word the smaller too."""
        written = [plan for plan in self._configured.values() if not plan.assumed]
        if not written and self.told is not None:
            plan = Plan(per_minute=self.told, burst=self._told_burst(self.told))
        else:
            said = written or list(self._configured.values())
            plan = Plan(
                per_minute=_smallest([*(plan.per_minute for plan in said), self.told]),
                burst=_smallest(plan.burst for plan in said),
            )
        self.in_force = Plan(per_minute=self._part(plan.per_minute), burst=self._part(plan.burst))

    def _told_burst(self, told: int) -> int | None:
        """Nobody wrote a plan down: the burst is the learned plan's, where there is any connection that has one."""
        return plan_burst(told) if self._configured else None

    def _part(self, most: int | None) -> int | None:
        return None if most is None else max(1, most // self.shards)


def _smallest(values: Iterable[int | None]) -> int | None:
    return min((value for value in values if value is not None), default=None)
