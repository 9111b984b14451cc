"""The budget: who may send a request when, so that a credential's limit is never passed.

Each credential has a gate, which says whether a request may go (`gate`), and a line of those who wait (`line`). This module
is the waiting: it lets go whoever may, and comes back when the next one may.
"""

import asyncio
import dataclasses
import logging
import math
import time
from collections.abc import Awaitable, Callable, Hashable, Mapping
from types import TracebackType

from seedjob_operator.seedapi.gate import LONGEST_WAIT, Gate
from seedjob_operator.seedapi.line import Waiting
from seedjob_operator.seedapi.plan import Plan
from seedjob_operator.seedapi.ratelimit import LONGEST_RETRY_AFTER, odd_retry_after, read_remaining
from seedjob_operator.seedapi.windows import Priority

__all__ = ["Budget", "BudgetState", "Permit", "Priority"]

_log = logging.getLogger(__name__)
_SHORTEST_NAP = 0.001


@dataclasses.dataclass(frozen=True, kw_only=True)
class BudgetState:
    """How a credential stands. `per_minute` and `burst` are None for no limit, `left` is of this minute.

    `notes` are sentences about what the platform's answers say that makes no sense.
    """

    per_minute: int | None
    burst: int | None
    used: int
    used_by_lists: int
    used_spare: int
    left: int | None
    held_for: float
    concurrency: int
    platform_down: bool
    waiting: int
    waiting_creates: int
    notes: tuple[str, ...]


class Permit:
    """The right to send one request. Leave it once the answer's head has come, or when none will come.

    How it is left tells what became of the request: by no error, or by one of ours.
    """

    def __init__(self, on_answer: Callable[[], None], on_end: Callable[[BaseException | None], None]) -> None:
        self._on_answer: Callable[[], None] | None = on_answer
        self._on_end: Callable[[BaseException | None], None] | None = on_end

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
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            on_end(error)
        self.answered()


class Budget:
    """One limiter for all credentials. Not thread-safe: all calls come from one event loop.

    A credential is any hashable key that two accounts share where they share a limit; it must not be the token.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        shards: int = 1,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._shards = shards
        self._gates: dict[Hashable, Gate] = {}

    def configure(
        self,
        credential: Hashable,
        *,
        requests_per_minute: int | None,
        burst: int | None,
        assumed: bool = False,
        owner: Hashable = None,
    ) -> None:
        """Set what one owner (a connection) says of a credential's plan, in place of what it said before.

        None is no limit. Of two owners the smaller plan holds. A plan that is only `assumed` holds until the platform tells
        its own, larger or smaller; one that isn't holds unless the platform tells a smaller one.
        """
        gate = self._gate(credential)
        gate.plan.configure(owner, Plan(per_minute=requests_per_minute, burst=burst, assumed=assumed))
        gate.replan()
        self._serve(gate)

    def forget(self, credential: Hashable, *, owner: Hashable = None) -> None:
        """An owner is gone, and with it what it said of the plan and what was kept for its lists."""
        gate = self._gate(credential)
        gate.plan.forget(owner)
        gate.kept.pop(owner, None)
        gate.windows.kept_for_lists = sum(gate.kept.values())
        gate.replan()
        self._serve(gate)

    def keep_for_lists(self, credential: Hashable, per_minute: int, *, owner: Hashable = None) -> None:
        """Keep so many requests of each minute for lists: creates and other reads yield to them."""
        gate = self._gate(credential)
        gate.kept[owner] = per_minute
        gate.windows.kept_for_lists = sum(gate.kept.values())

    async def acquire(self, credential: Hashable, priority: Priority) -> Permit:
        """Wait until a request may be sent. Use the permit as a context around sending it.

        Raises:
            RateLimitedError: the platform asked for a pause that is longer than `LONGEST_WAIT`; `retry_after` says how
                much of it is left. Nothing was sent.
            UnavailableError: the platform is down, and another request is asking whether it is back. Nothing was sent.
        """
        gate = self._gate(credential)
        waiting = Waiting(priority=priority, since=self._clock(), turn=asyncio.get_running_loop().create_future())
        gate.line.add(waiting)
        self._serve(gate)
        try:
            await waiting.turn
        except asyncio.CancelledError:
            self._give_up(gate, waiting)
            raise
        sent_at = self._clock()
        return Permit(
            lambda: self._on_answer(gate, priority),
            lambda error: gate.ended(error, sent_at=sent_at, now=self._clock()),
        )

    def observe(self, credential: Hashable, headers: Mapping[str, str]) -> None:
        """Take in an answer's rate limit headers."""
        gate, now = self._gate(credential), self._clock()
        known = set(gate.plan.notes.values())
        gate.plan.observe(headers)
        odd = odd_retry_after(headers)
        if odd is not None:
            gate.plan.notes["retry after"] = odd
        for note in sorted(set(gate.plan.notes.values()) - known):
            _log.warning("%s: %s", credential, note)
        gate.replan()
        remaining = read_remaining(headers)
        gate.remaining_told = remaining is not None
        if remaining is not None:
            gate.windows.remaining(now, remaining)
        self._serve(gate)

    def hold(self, credential: Hashable, seconds: float) -> None:
        """Send nothing with this credential for a while (429 with Retry-After)."""
        gate, now = self._gate(credential), self._clock()
        gate.held_until = max(gate.held_until, now + min(max(seconds, 0.0), LONGEST_RETRY_AFTER))
        self._serve(gate)

    def state(self, credential: Hashable) -> BudgetState:
        """Say how a credential stands, for a status or a metric."""
        gate, now = self._gate(credential), self._clock()
        plan, used = gate.plan.in_force, gate.windows.used(now)
        taken = used + max(0, gate.windows.foreign(now))
        return BudgetState(
            per_minute=plan.per_minute,
            burst=plan.burst,
            used=used,
            used_by_lists=gate.windows.used(now, Priority.LIST),
            used_spare=gate.windows.used(now, Priority.SPARE),
            left=None if plan.per_minute is None else max(0, plan.per_minute - taken),
            held_for=gate.held(now),
            concurrency=gate.congestion.window,
            platform_down=gate.circuit.open,
            waiting=len(gate.line),
            waiting_creates=gate.line.count(Priority.CREATE),
            notes=tuple(gate.plan.notes.values()),
        )

    def _gate(self, credential: Hashable) -> Gate:
        gate = self._gates.get(credential)
        if gate is None:
            gate = self._gates[credential] = Gate()
            gate.plan.divide(self._shards)
        return gate

    def _give_up(self, gate: Gate, waiting: Waiting) -> None:
        """Whoever waited was interrupted: before its turn, or just as it came."""
        if waiting.turn.done() and not waiting.turn.cancelled() and waiting.turn.exception() is None:
            gate.withdraw(waiting.priority)
        gate.line.drop(waiting)
        self._serve(gate)

    def _on_answer(self, gate: Gate, priority: Priority) -> None:
        gate.windows.answered(self._clock(), priority)
        self._serve(gate)

    def _serve(self, gate: Gate) -> None:
        """Let go who may, refuse who can't be told when, and come back when the next one may."""
        if gate.alarm is not None:
            gate.alarm.cancel()
            gate.alarm = None
        if not len(gate.line):
            return
        now = self._clock()
        self._refuse(gate, now)
        while True:
            soonest = self._let_one_go(gate, now)
            if soonest is not None:
                break
            self._refuse(gate, now)
        if soonest < math.inf:
            nap = max(soonest, _SHORTEST_NAP)
            gate.alarm = asyncio.get_running_loop().create_task(self._come_back(gate, nap))

    def _refuse(self, gate: Gate, now: float) -> None:
        if gate.held(now) <= LONGEST_WAIT and not gate.circuit.open:
            return
        for waiting in gate.line.all():
            error = gate.refusal(now, waiting.priority)
            if error is not None and not waiting.turn.done():
                waiting.turn.set_exception(error)
            if error is not None:
                gate.line.drop(waiting)

    def _let_one_go(self, gate: Gate, now: float) -> float | None:
        """Let the next one go, and give None; where none may, give the seconds until one may."""
        soonest = math.inf
        for waiting in gate.line.first(now, lists_owed=gate.windows.owed_to_lists(now) > 0):
            if waiting.turn.done():  # whoever waited was cancelled
                gate.line.drop(waiting)
                return None
            wait = gate.wait(now, waiting.priority)
            if wait <= 0:
                gate.line.take(waiting)
                gate.begin(now, waiting.priority)
                waiting.turn.set_result(None)
                return None
            soonest = min(soonest, wait)
        return soonest

    async def _come_back(self, gate: Gate, seconds: float) -> None:
        await self._sleep(seconds)
        gate.alarm = None
        self._serve(gate)
