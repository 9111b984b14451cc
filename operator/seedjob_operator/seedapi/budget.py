"""The budget: who may send a request when, so that a credential's limit is never passed.

The platform's algorithm is unknown, so two sliding windows hold whatever it is: never more than the limit in any 60 s nor
than the burst in any 1 s. The platform counts a request when it arrives, which is some time between our sending it and
its answer; so a request counts from the one until a whole window after the other, and no delay on the way can push two
windows' requests together. Among those who wait the higher priority goes first, and within one the earlier; reads leave
the last tenth of each window to writes, so that a cancel finds room.

`Windows` is the arithmetic on times that are passed in; `Budget` is the waiting.
"""

import asyncio
import heapq
import itertools
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Mapping
from enum import IntEnum, unique
from types import TracebackType

from seedjob_operator.seedapi.errors import RateLimitedError
from seedjob_operator.seedapi.ratelimit import LONGEST_RETRY_AFTER, read_limit

MINUTE = 60.0
SECOND = 1.0
LONGEST_WAIT = 60.0
"""Seconds of a hold that are waited for; where it lasts longer the request is refused at once, and can be asked anew."""


@unique
class Priority(IntEnum):
    """Who goes first; a lower number before a higher one."""

    CANCEL_DELETE = 0
    CREATE = 1
    LIST = 2
    GET = 3
    ANALYTICS = 4
    LOGS = 5

    @property
    def reads(self) -> bool:
        """Whether requests of this priority change nothing."""
        return self > Priority.CREATE


class Windows:
    """One credential's windows. Times are monotonic seconds; a limit of None is none."""

    def __init__(self, *, per_minute: int | None = None, burst: int | None = None) -> None:
        self.per_minute = per_minute
        self.burst = burst
        self.told: int | None = None
        self.held_until = -math.inf
        self._under_way = 0
        self._answered: deque[float] = deque()

    def wait(self, now: float, priority: Priority) -> float:
        """Give the seconds until one more request fits: 0 for now, infinity where only an answer makes room."""
        while self._answered and self._answered[0] + MINUTE <= now:
            self._answered.popleft()
        waits = (
            self.held(now),
            self._until_room(now, _share(_smaller(self.per_minute, self.told), priority), MINUTE),
            self._until_room(now, _share(self.burst, priority), SECOND),
        )
        return max(waits)

    def held(self, now: float) -> float:
        """Give the seconds that the platform's own word still holds everything."""
        return max(0.0, self.held_until - now)

    def _until_room(self, now: float, most: int | None, window: float) -> float:
        if most is None:
            return 0.0
        newest_first = (at + window for at in reversed(self._answered))
        leaving = list(itertools.takewhile(lambda at: at > now, newest_first))
        surplus = self._under_way + len(leaving) - most
        if surplus < 0:
            return 0.0
        return leaving[-1 - surplus] - now if surplus < len(leaving) else math.inf

    def begin(self) -> None:
        """Count a request that is sent now."""
        self._under_way += 1

    def answered(self, now: float) -> None:
        """The answer has come, or never will."""
        self._under_way -= 1
        self._answered.append(now)  # also without a limit: the platform may tell one in this very answer

    def withdraw(self) -> None:
        """Take back a request that was never sent."""
        self._under_way -= 1

    def hold(self, now: float, seconds: float) -> None:
        """Send nothing for a while: the platform asked for it."""
        self.held_until = max(self.held_until, now + min(max(seconds, 0.0), LONGEST_RETRY_AFTER))


def _share(most: int | None, priority: Priority) -> int | None:
    if most is None or not priority.reads:
        return most
    return max(1, most - max(1, most // 10))


def _smaller(known: int | None, new: int | None) -> int | None:
    return min((value for value in (known, new) if value is not None), default=None)


class Permit:
    """The right to send one request. Leave it once the answer's head has come, or when none will come."""

    def __init__(self, on_answer: Callable[[], None]) -> None:
        self._on_answer: Callable[[], None] | None = on_answer

    def answered(self) -> None:
        """The platform has counted the request by now. Saying so twice does no harm."""
        on_answer, self._on_answer = self._on_answer, None
        if on_answer is not None:
            on_answer()

    def __enter__(self) -> "Permit":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.answered()


class _Line:
    """Those who wait for one credential, and the task that comes back when the first of them may go."""

    def __init__(self) -> None:
        self.windows = Windows()
        self.waiting: list[tuple[Priority, int, asyncio.Future[None]]] = []
        self.alarm: asyncio.Task[None] | None = None


class Budget:
    """One limiter for all credentials. Not thread-safe: all calls come from one event loop.

    A credential is any hashable key that two accounts share where they share a limit; it must not be the token.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._lines: dict[Hashable, _Line] = {}
        self._order = itertools.count()

    def configure(self, credential: Hashable, *, requests_per_minute: int | None, burst: int | None) -> None:
        """Set a credential's plan, None for unlimited; of two plans for one credential the smaller holds."""
        windows = self._line(credential).windows
        windows.per_minute = _smaller(windows.per_minute, requests_per_minute)
        windows.burst = _smaller(windows.burst, burst)

    async def acquire(self, credential: Hashable, priority: Priority) -> Permit:
        """Wait until a request may be sent. Use the permit as a context around sending it.

        Raises:
            RateLimitedError: the platform asked for a pause that is longer than `LONGEST_WAIT`; `retry_after` says how
                much of it is left. Nothing was sent.
        """
        line = self._line(credential)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(line.waiting, (priority, next(self._order), turn))
        self._serve(line)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                line.windows.withdraw()
            self._serve(line)
            raise
        return Permit(lambda: self._on_answer(line))

    def observe(self, credential: Hashable, headers: Mapping[str, str]) -> None:
        """Take in an answer's rate limit headers: a limit that is smaller than the configured one is kept to."""
        told = read_limit(headers)
        if told:
            line = self._line(credential)
            line.windows.told = told
            self._serve(line)

    def hold(self, credential: Hashable, seconds: float) -> None:
        """Send nothing with this credential for a while (429 with Retry-After)."""
        line = self._line(credential)
        line.windows.hold(self._clock(), seconds)
        self._serve(line)

    def _line(self, credential: Hashable) -> _Line:
        return self._lines.setdefault(credential, _Line())

    def _on_answer(self, line: _Line) -> None:
        line.windows.answered(self._clock())
        self._serve(line)

    def _serve(self, line: _Line) -> None:
        """Let go who may, and come back when the next one may."""
        if line.alarm is not None:
            line.alarm.cancel()
            line.alarm = None
        while line.waiting:
            priority, _, turn = line.waiting[0]
            now = self._clock()
            wait = 0.0 if turn.done() else line.windows.wait(now, priority)
            if wait > 0 and line.windows.held(now) <= LONGEST_WAIT:
                if wait < math.inf:
                    line.alarm = asyncio.get_running_loop().create_task(self._come_back(line, wait))
                return
            heapq.heappop(line.waiting)
            self._settle(line, turn, now)

    def _settle(self, line: _Line, turn: asyncio.Future[None], now: float) -> None:
        if turn.done():  # whoever waited was cancelled
            return
        if line.windows.held(now) > LONGEST_WAIT:
            turn.set_exception(_held_error(line.windows.held(now)))
            return
        line.windows.begin()
        turn.set_result(None)

    async def _come_back(self, line: _Line, seconds: float) -> None:
        await self._sleep(seconds)
        line.alarm = None
        self._serve(line)


def _held_error(seconds: float) -> RateLimitedError:
    text = f"The platform asked for no requests with this credential for another {math.ceil(seconds)} s."
    return RateLimitedError(text, retry_after=seconds)
