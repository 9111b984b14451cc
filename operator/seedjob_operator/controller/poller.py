"""The list poll: one loop for each account serves all its jobs, and none runs while nothing is active."""

import asyncio
import contextlib
import logging
import random

from seedjob_operator import metrics
from seedjob_operator.controller import schedule
from seedjob_operator.controller.context import ControllerContext
from seedjob_operator.controller.keys import Key
from seedjob_operator.controller.links import Link
from seedjob_operator.controller.round import PER_PAGE, Rounds
from seedjob_operator.seedapi import errors
from seedjob_operator.seedapi.budget import BudgetState, Priority
from seedjob_operator.seedapi.wire import Job, JobPage, JobStatus

_log = logging.getLogger(__name__)

PROBE_EVERY = 300.0
LONGEST_BACK_OFF = 30.0
_SHORTEST_REST = 1.0
"""Seconds between two rounds, however long the first took."""


class Poller:
    """Follows the jobs of one account."""

    def __init__(self, link: Link, context: ControllerContext) -> None:
        self._link = link
        self._observations = context.observations
        self._queue = context.queue
        self._leadership = context.leadership
        self._clock = context.clock
        self._budget = context.budget
        self._followed: dict[str, tuple[Key, float]] = {}
        self._rounds = Rounds(list_page=self._page, show=self._show)

    async def run(self) -> None:
        """Poll until cancelled."""
        try:
            while True:
                began = self._clock.monotonic()
                requests = await self._round()
                took = self._clock.monotonic() - began
                await self._rest(_jittered(self._period(requests)) - took)
        finally:
            self._budget.forget(self._link.client.account.credential, owner=self)

    async def _round(self) -> int:
        """Do what is due, and give the number of requests that it took."""
        try:
            if not self._link.healthy or not self._link.followed:
                return await self._probe()
            if not self._leadership.held:
                return 0
            with metrics.POLL_SECONDS.time():
                return await self._look_at_all()
        except errors.SeedError as error:
            _log.debug("poll: %s", error)
            return max(self._rounds.requests, 1)

    async def _probe(self) -> int:
        """Ask for as little as there is: it tells whether the platform answers us."""
        client = self._link.client
        await self._link.call(client.list_jobs(per_page=1, priority=Priority.LIST), listing=True)
        return 1

    async def _look_at_all(self) -> int:
        self._followed = {name: (key, since) for key, (name, since) in self._link.followed.items()}
        if len(self._followed) == 1:
            with contextlib.suppress(errors.SeedError):  # is it this job, or the platform? the lists tell
                return await self._look_at_one(*next(iter(self._link.followed.items())))
        began, self._rounds.requests = self._clock.monotonic(), 0
        last_seen = {name: self._last_seen(key) for name, (key, _) in self._followed.items()}
        active = {name: status for name, status in last_seen.items() if status is None or not status.terminal}
        missing = await self._rounds.look_for(active)
        missing = {name for name in missing if self._followed[name][1] < began and self._is_followed(name)}
        active_requests = self._rounds.requests
        if schedule.ends_worth_listing(len(missing), self._state()):
            await self._rounds.look_for_ended(missing)
        for name in missing:
            if self._is_followed(name):
                key = self._followed[name][0]
                self._tell(key, news=self._observations.unlisted(key))
        return active_requests

    def _last_seen(self, key: Key) -> JobStatus | None:
        remote = self._observations.remote(key)
        return remote.status if isinstance(remote, Job) else None

    def _is_followed(self, name: str) -> bool:
        """Whether a job is still waited for: a pass may have seen its end, or begun anew, since the round began."""
        key, since = self._followed[name]
        return self._link.followed.get(key) == (name, since)

    def _show(self, job: Job) -> None:
        """A page shows a job: told at once, so that nothing grows old while the other pages are read."""
        if job.name in self._followed and self._is_followed(job.name):
            key = self._followed[job.name][0]
            self._tell(key, news=self._observations.listed(key, job))

    async def _look_at_one(self, key: Key, followed: tuple[str, float]) -> int:
        try:
            job: Job | None = await self._link.client.get_job(followed[0], priority=Priority.LIST)
        except errors.NotFoundError:
            await self._probe()  # a platform that answers 404 to everything says nothing of the job
            job = None
        self._tell(key, news=self._observations.read(key, job, now=self._clock.now()))
        return 1

    def _tell(self, key: Key, *, news: bool) -> None:
        if news:
            self._queue.add(key)

    async def _page(self, status: JobStatus, sort: str, order: str, number: int) -> JobPage:
        client = self._link.client
        request = client.list_jobs(status=status, page=number, per_page=PER_PAGE, sort=sort, order=order)
        return await self._link.call(request, listing=True)

    def _state(self) -> BudgetState:
        return self._budget.state(self._link.client.account.credential)

    def _period(self, requests: int) -> float:
        """Give the seconds from this round to the next: what the plan allows, or the back-off of a failing platform."""
        link, credential = self._link, self._link.client.account.credential
        following = bool(link.followed) and link.healthy and self._leadership.held
        self._budget.keep_for_lists(credential, schedule.lists_per_minute(requests) if following else 0, owner=self)
        if not link.healthy:
            asked = (link.fault.retry_after if link.fault else None) or 0.0
            return max(min(2.0 ** min(link.failures - 1, 6), LONGEST_BACK_OFF), min(asked, 3600.0))
        state = self._state()
        link.notes = state.notes
        link.shortage = _shortage(requests, state) if link.followed else None
        if not link.followed:
            return PROBE_EVERY
        return schedule.period(requests, state)

    async def _rest(self, seconds: float) -> None:
        """Rest, but begin soon where the first job comes to be followed: others may come with it."""
        idle = self._link.healthy and not self._link.followed
        self._link.wake.clear()
        if not idle:
            await asyncio.sleep(max(seconds, _SHORTEST_REST))
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._link.wake.wait(), seconds)
            await asyncio.sleep(_jittered(_SHORTEST_REST))


def _shortage(requests: int, state: BudgetState) -> str | None:
    """Say what so many jobs would need; None where the credential's plan suffices."""
    needed = schedule.plan_needed(requests, state.per_minute)
    if needed is None:
        return None
    return (
        f"To keep so many active jobs fresh takes about {needed} requests a minute, and this credential has "
        f"{state.per_minute}: their status is older than a minute. Ask for a larger plan, or run fewer at a time."
    )


def _jittered(seconds: float) -> float:
    return seconds * random.uniform(0.9, 1.0)  # noqa: S311  # jitter, no secret
