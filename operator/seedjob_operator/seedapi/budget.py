"""The budget: who may send a request when, so that a credential's limit is never passed.

One gate for each credential puts together what has to allow a request, each a module of its own:

    plan        how much there is: what connections were told, and the platform's own word
    windows     never more than that in any 60 s, nor than the burst in any 1 s
    pacing      how evenly it goes
    congestion  how many requests may be under way
    circuit     one at a time while the platform is down
    line        whose turn it is

Nothing is sent before Retry-After. Cancels and deletes are exempt from pacing and congestion: they wait for the windows
alone.
"""

import asyncio
import dataclasses
import logging
import math
import time
from collections.abc import Awaitable, Callable, Hashable, Mapping
from types import TracebackType

from seedjob_operator.seedapi.circuit import Circuit
from seedjob_operator.seedapi.congestion import Congestion
from seedjob_operator.seedapi.errors import RateLimitedError, SeedError, UnavailableError
from seedjob_operator.seedapi.line import Line, Waiting
from seedjob_operator.seedapi.pacing import Pacing
from seedjob_operator.seedapi.plan import KnownPlan, Plan
from seedjob_operator.seedapi.ratelimit import LONGEST_RETRY_AFTER, odd_retry_after, read_remaining
from seedjob_operator.seedapi.windows import Priority, Windows

__all__ = ["Budget", "BudgetState", "Permit", "Priority"]

_log = logging.getLogger(__name__)
LONGEST_WAIT = 60.0
"""Seconds of a hold that are waited for; where it lasts longer the request is refused at once, and can be asked anew."""
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


class _Gate:
    """One credential's gate. Times are monotonic seconds."""

    def __init__(self) -> None:
        self.plan = KnownPlan()
        self.windows = Windows()
        self.pacing = Pacing()
        self.congestion = Congestion()
        self.circuit = Circuit()
        self.line = Line()
        self.kept: dict[Hashable, int] = {}
        self.held_until = -math.inf
        self.remaining_told = False
        self.under_way = 0
        self.alarm: asyncio.Task[None] | None = None

    def replan(self) -> None:
        """Go by the plan that is in force now."""
        if self.windows.plan != self.plan.in_force:
            self.windows.plan = self.plan.in_force
            self.pacing.set_plan(self.plan.in_force)

    def held(self, now: float) -> float:
        """Give the seconds that the platform's own word still holds everything."""
        return max(0.0, self.held_until - now)

    def wait(self, now: float, priority: Priority) -> float:
        """Give the seconds until a request fits: 0 for now, infinity where only an answer makes room."""
        wait = max(self.held(now), self.windows.wait(now, priority))
        if priority is Priority.CANCEL_DELETE:
            return wait
        if self.under_way >= self.congestion.window:
            return math.inf
        return max(wait, self.pacing.wait(now))

    def refusal(self, now: float, priority: Priority) -> SeedError | None:
        """Give the error of a request that isn't to wait: nobody knows when it could be sent."""
        if self.held(now) > LONGEST_WAIT:
            return _held_error(self.held(now))
        if not self.circuit.admits(now, creates=priority is Priority.CREATE):
            return self.circuit.refusal(now)
        return None

    def begin(self, now: float, priority: Priority) -> None:
        """Count a request that is sent now."""
        self.windows.begin(priority)
        self.pacing.take(now)
        self.circuit.began()
        self.under_way += 1

    def withdraw(self, priority: Priority) -> None:
        """Take back a request that was let go and never sent."""
        self.windows.withdraw(priority)
        self.pacing.give_back()
        self.circuit.withdrawn()
        self.under_way -= 1

    def ended(self, error: BaseException | None, *, sent_at: float, now: float) -> None:
        """Learn from what became of a request."""
        self.under_way -= 1
        if isinstance(error, UnavailableError):
            self.congestion.pushed_back(sent_at=sent_at, now=now)
            self.circuit.failed(now, error)
        elif isinstance(error, RateLimitedError):
            self._refused(sent_at=sent_at, now=now)
        elif error is None or isinstance(error, SeedError):
            self.congestion.got_through()
            self.circuit.succeeded()
        else:
            self.circuit.withdrawn()  # interrupted, and nobody knows

    def _refused(self, *, sent_at: float, now: float) -> None:
        self.circuit.succeeded()
        self.congestion.pushed_back(sent_at=sent_at, now=now)
        if not self.remaining_told:
            self.windows.remaining(now, 0)
        self.pacing.too_fast(now)


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
        self._gates: dict[Hashable, _Gate] = {}

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
            left=None if plan.per_minute is None else max(0, plan.per_minute - taken),
            held_for=gate.held(now),
            concurrency=gate.congestion.window,
            platform_down=gate.circuit.open,
            waiting=len(gate.line),
            waiting_creates=gate.line.count(Priority.CREATE),
            notes=tuple(gate.plan.notes.values()),
        )

    def _gate(self, credential: Hashable) -> _Gate:
        gate = self._gates.get(credential)
        if gate is None:
            gate = self._gates[credential] = _Gate()
            gate.plan.divide(self._shards)
        return gate

    def _give_up(self, gate: _Gate, waiting: Waiting) -> None:
        """Whoever waited was interrupted: before its turn, or just as it came."""
        if waiting.turn.done() and not waiting.turn.cancelled() and waiting.turn.exception() is None:
            gate.withdraw(waiting.priority)
        gate.line.drop(waiting)
        self._serve(gate)

    def _on_answer(self, gate: _Gate, priority: Priority) -> None:
        gate.windows.answered(self._clock(), priority)
        self._serve(gate)

    def _serve(self, gate: _Gate) -> None:
        """Let go who may, refuse who can't be told when, and come back when the next one may."""
        if gate.alarm is not None:
            gate.alarm.cancel()
            gate.alarm = None
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

    def _refuse(self, gate: _Gate, now: float) -> None:
        if gate.held(now) <= LONGEST_WAIT and not gate.circuit.open:
            return
        for waiting in gate.line.all():
            error = gate.refusal(now, waiting.priority)
            if error is not None and not waiting.turn.done():
                waiting.turn.set_exception(error)
            if error is not None:
                gate.line.drop(waiting)

    def _let_one_go(self, gate: _Gate, now: float) -> float | None:
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

    async def _come_back(self, gate: _Gate, seconds: float) -> None:
        await self._sleep(seconds)
        gate.alarm = None
        self._serve(gate)


def _held_error(seconds: float) -> RateLimitedError:
    text = f"The platform asked for no requests with this credential for another {math.ceil(seconds)} s."
    return RateLimitedError(text, retry_after=seconds)
