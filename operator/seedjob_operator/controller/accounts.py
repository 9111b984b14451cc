"""The accounts in use: for each a link to the platform, its poll and its samples, opened when first asked for, retired when unused."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from seedjob_operator import metrics
from seedjob_operator.controller.connections import Connections, Way
from seedjob_operator.controller.context import ControllerContext
from seedjob_operator.controller.keys import Key
from seedjob_operator.controller.links import Link
from seedjob_operator.controller.passes import before_write
from seedjob_operator.controller.poller import Poller
from seedjob_operator.controller.sampling import Sampler
from seedjob_operator.controller.store import Store
from seedjob_operator.seedapi.client import Account, SeedClient
from seedjob_operator.seedapi.plan import Plan

_RETIRED_FOR = 900.0
"""Seconds for which a retired account's client stays open: passes may hold it, and wait minutes for their turn."""

Start = Callable[[Coroutine[Any, Any, None], str], asyncio.Task[Any]]
"""Starts a part of the operator, which ends it when it ends."""


class Accounts:
    """The links. `on_change` hears of a link whose health has changed, after those that depend on it were woken."""

    def __init__(
        self,
        *,
        jobs: Store,
        context: ControllerContext,
        start: Start,
        on_change: Callable[[Link], None],
    ) -> None:
        self._jobs = jobs
        self._context = context
        self._budget, self._queue, self._clock = context.budget, context.queue, context.clock
        self._start = start
        self._on_change = on_change
        self._links: dict[Account, Link] = {}
        self._loops: dict[Account, tuple[asyncio.Task[Any], ...]] = {}
        self._plans: dict[Key, tuple[Account, Plan]] = {}
        self._retired: list[tuple[float, Link]] = []

    def open(self, way: Way) -> Link:
        """Give the link of an account, with the plan that the connection says its credential has."""
        self._plan(way)
        known = self._links.get(way.account)
        return known if known is not None else self._make(way.account)

    def _plan(self, way: Way) -> None:
        before = self._plans.get(way.key)
        if before == (way.account, way.plan):
            return
        if before is not None and before[0].credential != way.account.credential:
            self._budget.forget(before[0].credential, owner=way.key)
        self._plans[way.key] = (way.account, way.plan)
        self._budget.configure(
            way.account.credential,
            requests_per_minute=way.plan.per_minute,
            burst=way.plan.burst,
            assumed=way.plan.assumed,
            owner=way.key,
        )

    def _make(self, account: Account) -> Link:
        client = SeedClient(account, self._budget, on_request=_count, before_write=before_write)
        link = Link(client, clock=self._clock, on_change=self._changed)
        self._links[account] = link
        self._wake_unfinished()  # a rotated credential is what many may have waited for
        self._loops[account] = (
            self._start(Poller(link, self._context).run(), f"poll of {account.endpoint}"),
            self._start(Sampler(link, self._context).run(), f"samples of {account.endpoint}"),
        )
        return link

    def _wake_unfinished(self) -> None:
        for key, outline in self._jobs.outlines():
            if outline.unfinished:
                self._queue.add(key)

    def _changed(self, link: Link) -> None:
        """Wake the unfinished jobs of a link: what has ended doesn't depend on the platform any more."""
        for key in tuple(link.users):
            if key not in self._jobs:
                link.users.discard(key)
        for key, outline in self._jobs.outlines():
            if outline.unfinished and key in link.users:
                self._queue.add(key)
        self._on_change(link)

    async def retire(self, connections: Connections) -> None:
        """Let go of accounts that no connection has any more: their credentials were rotated, or they are gone."""
        for account in self._links.keys() - connections.accounts():
            for loop in self._loops.pop(account):
                loop.cancel()
            link = self._links.pop(account)
            for key in link.followed:
                self._queue.add(key)
            self._retired.append((self._clock.monotonic() + _RETIRED_FOR, link))
        while self._retired and self._retired[0][0] <= self._clock.monotonic():
            await self._retired.pop(0)[1].client.aclose()

    def forget(self, connection: Key) -> None:
        """Drop what a connection that is gone said of its credential's plan."""
        account, _ = self._plans.pop(connection, (None, None))
        if account is not None:
            self._budget.forget(account.credential, owner=connection)

    async def close(self) -> None:
        """Close all connections to the platform."""
        for link in (*self._links.values(), *(link for _, link in self._retired)):
            await link.client.aclose()


def _count(operation: str, outcome: str, seconds: float) -> None:
    metrics.REMOTE_REQUESTS.labels(operation, outcome).inc()
    metrics.REMOTE_SECONDS.labels(operation).observe(seconds)
