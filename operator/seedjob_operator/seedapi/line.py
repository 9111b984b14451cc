"""Who waits for a credential, and who is next.

By priority, and within one by coming; but lists go before creates as long as they haven't had what is kept for them, and
every other turn is for the read that waits longest beyond its patience. So whatever comes in crowds, nothing starves but
what takes leavings; cancels and deletes yield to nothing.
"""

import asyncio
import dataclasses
from collections import deque
from collections.abc import Iterator

from seedjob_operator.seedapi.windows import Priority

PATIENCE = 3.0
"""Seconds for which a read yields to all that is more important."""


@dataclasses.dataclass(kw_only=True, eq=False)
class Waiting:
    """One request in line."""

    priority: Priority
    since: float
    turn: asyncio.Future[None]


class Line:
    """All that wait for one credential."""

    def __init__(self) -> None:
        self._lines: dict[Priority, deque[Waiting]] = {priority: deque() for priority in Priority}
        self._aged_turn = False

    def __len__(self) -> int:
        """Count those who wait."""
        return sum(len(line) for line in self._lines.values())

    def add(self, waiting: Waiting) -> None:
        """Put a request in line."""
        self._lines[waiting.priority].append(waiting)

    def drop(self, waiting: Waiting) -> None:
        """Take a request out of line that won't be sent."""
        line = self._lines[waiting.priority]
        if waiting in line:
            line.remove(waiting)

    def count(self, priority: Priority) -> int:
        """Count those of one priority who wait."""
        return len(self._lines[priority])

    def take(self, waiting: Waiting) -> None:
        """It is the turn of this one, which is the first of its priority."""
        self._lines[waiting.priority].popleft()
        if waiting.priority is not Priority.CANCEL_DELETE:
            self._aged_turn = not self._aged_turn

    def first(self, now: float, *, lists_owed: bool) -> Iterator[Waiting]:
        """Give the first of each priority, in the order in which they may go if they can."""
        heads = [line[0] for line in self._lines.values() if line]
        aged = [head for head in heads if head.priority.ages and now - head.since >= PATIENCE]
        next_aged = min(aged, key=lambda head: head.since, default=None) if self._aged_turn else None

        def rank(head: Waiting) -> tuple[int, int]:
            if head.priority is Priority.CANCEL_DELETE:
                return (0, 0)
            if head.priority is Priority.LIST and lists_owed:
                return (1, 0)
            return (2, 0) if head is next_aged else (3, head.priority)

        return iter(sorted(heads, key=rank))

    def all(self) -> Iterator[Waiting]:
        """Give all who wait."""
        return (waiting for line in self._lines.values() for waiting in tuple(line))
