"""The queue of keys: each key stands in it once, waits where it should, and is worked on by one worker at a time.

The shape is that of client-go's work queue: a key added while a worker has it comes again when that worker is done.
"""

import asyncio
import heapq
import itertools
from collections import deque

from seedjob_operator.controller.keys import Key


class KeyQueue:
    """A de-duplicating queue with delays. Not thread-safe: all calls come from one event loop."""

    def __init__(self) -> None:
        self._ready: deque[Key] = deque()
        self._queued: set[Key] = set()
        self._taken: set[Key] = set()
        self._again: set[Key] = set()
        self._due: dict[Key, float] = {}
        self._timers: list[tuple[float, int, Key]] = []
        self._order = itertools.count()
        self._wakeup: asyncio.TimerHandle | None = None
        self._some = asyncio.Event()

    def __len__(self) -> int:
        """Give the number of keys that wait for a worker now."""
        return len(self._ready)

    def add(self, key: Key) -> None:
        """Have the key worked on soon."""
        self._due.pop(key, None)
        if key in self._taken:
            self._again.add(key)
        elif key not in self._queued:
            self._queued.add(key)
            self._ready.append(key)
            self._some.set()

    def add_after(self, key: Key, seconds: float) -> None:
        """Have the key worked on after a while, or earlier if it was due or is added earlier."""
        if seconds <= 0:
            self.add(key)
            return
        due = asyncio.get_running_loop().time() + seconds
        if key in self._queued or self._due.get(key, due + 1) <= due:
            return
        self._due[key] = due
        heapq.heappush(self._timers, (due, next(self._order), key))
        self._schedule()

    def forget(self, key: Key) -> None:
        """Drop what was planned for a key that is gone."""
        self._due.pop(key, None)
        self._again.discard(key)

    async def get(self) -> Key:
        """Take the next key; `done` gives it back."""
        while not self._ready:
            self._some.clear()
            await self._some.wait()
        key = self._ready.popleft()
        self._queued.discard(key)
        self._taken.add(key)
        return key

    def done(self, key: Key) -> None:
        """Give a key back; it comes again where it was added meanwhile."""
        self._taken.discard(key)
        if key in self._again:
            self._again.discard(key)
            self.add(key)

    def _schedule(self) -> None:
        loop = asyncio.get_running_loop()
        if self._wakeup is not None:
            self._wakeup.cancel()
        self._wakeup = loop.call_at(self._timers[0][0], self._fire) if self._timers else None

    def _fire(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._timers and self._timers[0][0] <= now:
            due, _, key = heapq.heappop(self._timers)
            if self._due.get(key) == due:  # else it was added earlier, or planned anew
                self.add(key)
        self._schedule()
