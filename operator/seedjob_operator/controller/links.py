"""One account on the platform as the controller uses it: its client, its health, and who depends on it."""

import asyncio
import dataclasses
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from seedjob_operator.controller.clock import Clock
from seedjob_operator.controller.faults import fault_of, is_answer_about_the_job
from seedjob_operator.controller.keys import Key
from seedjob_operator.core.snapshot import Fault
from seedjob_operator.seedapi import errors
from seedjob_operator.seedapi.client import SeedClient

_log = logging.getLogger(__name__)
T = TypeVar("T")


class Link:
    """A client with the health that its poll's requests showed.

    Passes use `client` as it is: what fails for one job says nothing of the others, and is backed off for itself.

    `proven`: a request got through since the operator started. `fault`: why the last one didn't. `users` are told when
    either changes, so that nobody has to ask again and again.
    """

    def __init__(self, client: SeedClient, *, clock: Clock, on_change: Callable[["Link"], None]) -> None:
        self.client = client
        self.proven = False
        self.fault: Fault | None = None
        self.failures = 0
        self.users: set[Key] = set()
        self.followed: dict[Key, tuple[str, float]] = {}
        self.wake = asyncio.Event()
        self.shortage: str | None = None
        """A sentence, where the credential's plan is too small for its jobs; with the plan that would do."""
        self.notes: tuple[str, ...] = ()
        """Sentences about what the platform says of its limit and that makes no sense."""
        self._clock = clock
        self._on_change = on_change

    @property
    def healthy(self) -> bool:
        """Whether the last request got through."""
        return self.proven and self.fault is None

    def follow(self, key: Key, name: str) -> None:
        """Have the list poll watch a job."""
        known = self.followed.get(key)
        if known is None or known[0] != name:
            self.followed[key] = (name, self._clock.monotonic())
            self.wake.set()

    def unfollow(self, key: Key) -> None:
        """Have the list poll watch a job no more."""
        self.followed.pop(key, None)

    async def call(self, request: Awaitable[T], *, listing: bool = False) -> T:
        """Await a request of the poll and note what it says of the platform's health.

        Raises:
            SeedError: as the request did.
        """
        try:
            answer = await request
        except errors.SeedError as error:
            if is_answer_about_the_job(error) and not listing:
                self._got_through()
            else:
                self._failed(fault_of(error, now=self._clock.now(), listing=listing))
            raise
        self._got_through()
        return answer

    def _got_through(self) -> None:
        changed = not self.proven or self.fault is not None
        if self.fault is not None:
            _log.info("the platform at %s answers again", self.client.account.endpoint)
        self.proven, self.fault, self.failures = True, None, 0
        if changed:
            self._on_change(self)

    def _failed(self, fault: Fault) -> None:
        before = self.fault
        self.failures += 1
        self.fault = fault
        if before is not None and before.reason is fault.reason:
            # The same outage: since when it lasts, and in the words that were told; how long to wait is news.
            self.fault = dataclasses.replace(before, retry_after=fault.retry_after)
            return
        _log.warning("%s: %s", fault.reason, fault.message)
        self._on_change(self)
