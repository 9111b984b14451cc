"""One credential's gate: whether a request may go now.

It puts together what has to allow it, each a module of its own:

    plan        how much there is: what connections were told, and the platform's own word
    windows     never more than that in any 60 s, nor than the burst in any 1 s
    pacing      how evenly it goes
    congestion  how many requests may be under way
    circuit     one at a time while the platform is down

Nothing is sent before Retry-After. Cancels and deletes are exempt from pacing and congestion: they wait for the windows
alone.
"""

import asyncio
import math
from collections.abc import Hashable

from seedjob_operator.seedapi.circuit import Circuit
from seedjob_operator.seedapi.congestion import Congestion
from seedjob_operator.seedapi.errors import RateLimitedError, SeedError, UnavailableError
from seedjob_operator.seedapi.line import Line
from seedjob_operator.seedapi.pacing import Pacing
from seedjob_operator.seedapi.plan import KnownPlan
from seedjob_operator.seedapi.windows import Priority, Windows

LONGEST_WAIT = 60.0
"""Seconds of a hold that are waited for; where it lasts longer the request is refused at once, and can be asked anew."""


class Gate:
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


def _held_error(seconds: float) -> RateLimitedError:
    text = f"The platform asked for no requests with this credential for another {math.ceil(seconds)} s."
    return RateLimitedError(text, retry_after=seconds)
