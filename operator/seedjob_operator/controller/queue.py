"""The queue of keys: each key stands in it once, waits where it should, and is worked on by one worker at a time.

The shape is that of client-go's work queue: a key added while a worker has it comes again when that worker is done. Unlike
there the namespaces take turns, so that one team's thousands of new jobs don't hold up another's cancel.
"""

import asyncio
import heapq
import itertools
from collections import deque

from seedjob_operator.controller.keys import Key


class Turns:
    """Keys in line, each once: first come, first served within a namespace, and one of each namespace in turn."""

    def __init__(self) -> None:
        self._lines: dict[str, deque[Key]] = {}
        self._next: deque[str] = deque()
        self._keys: set[Key] = set()

    def __len__(self) -> int:
        """Give the number of keys in line."""
        return len(self._keys)

    def __contains__(self, key: object) -> bool:
        """Tell whether a key stands in line."""
        return key in self._keys

    def add(self, key: Key) -> None:
        """Put a key in line, where it isn't yet."""
        if key in self._keys:
            return
        self._keys.add(key)
        line = self._lines.get(key.namespace)
        if line is None:
            line = self._lines[key.namespace] = deque()
            self._next.append(key.namespace)
        line.append(key)

    def take(self) -> Key:
        """Take the first key of the namespace whose turn it is.

        Raises:
            IndexError: no key is in line.
        """
        namespace = self._next.popleft()
        line = self._lines[namespace]
        key = line.popleft()
        self._keys.discard(key)
        if line:
            self._next.append(namespace)
        else:
            del self._lines[namespace]
        return key


class KeyQueue:
    """A de-duplicating queue with delays. Not thread-safe: all calls come from one event loop."""

    def __init__(self) -> None:
        self._ready = Turns()
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
        else:
            self._ready.add(key)
            self._some.set()

    def add_after(self, key: Key, seconds: float) -> None:
        """Have the key worked on after a while, or earlier if it was due or is added earlier."""
        if seconds <= 0:
            self.add(key)
            return
        due = asyncio.get_running_loop().time() + seconds
        if key in self._ready or self._due.get(key, due + 1) <= due:
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
        key = self._ready.take()
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
