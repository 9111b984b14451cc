"""The list poll: one loop for each account serves all its jobs, and none runs while nothing is active."""

import asyncio
import contextlib
import logging
import random

from seedjob_operator import metrics
from seedjob_operator.controller.clock import Clock
from seedjob_operator.controller.keys import Key
from seedjob_operator.controller.leadership import Leadership
from seedjob_operator.controller.links import Link
from seedjob_operator.controller.observations import Observations
from seedjob_operator.controller.queue import KeyQueue
from seedjob_operator.seedapi import errors
from seedjob_operator.seedapi.budget import Priority
from seedjob_operator.seedapi.wire import Job, JobStatus

_log = logging.getLogger(__name__)

SHORTEST_INTERVAL = 2.0
LONGEST_INTERVAL = 60.0
PROBE_EVERY = 300.0
_SHARE = 0.5
"""The part of a credential's plan that the rounds of lists may take."""
_PER_PAGE = 100


class Poller:
    """Follows the jobs of one account."""

    def __init__(
        self,
        link: Link,
        *,
        observations: Observations,
        queue: KeyQueue,
        leadership: Leadership,
        clock: Clock,
        requests_per_minute: int | None,
    ) -> None:
        self._link = link
        self._observations = observations
        self._queue = queue
        self._leadership = leadership
        self._clock = clock
        self._requests_per_minute = requests_per_minute

    async def run(self) -> None:
        """Poll until cancelled."""
        while True:
            requests = await self._round()
            await self._rest(self._interval(requests))

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
            return 1

    async def _probe(self) -> int:
        """Ask for as little as there is: it tells whether the platform answers us."""
        client = self._link.client
        await self._link.call(client.list_jobs(per_page=1, priority=Priority.LIST), listing=True)
        return 1

    async def _look_at_all(self) -> int:
        followed = dict(self._link.followed)
        if len(followed) == 1:
            with contextlib.suppress(errors.SeedError):  # is it this job, or the platform? the lists tell
                return await self._look_at_one(*next(iter(followed.items())))
        began = self._clock.monotonic()
        jobs, requests = await self._list_active()
        for key, (name, since) in followed.items():
            job = jobs.get(name)
            if job is not None:
                self._tell(key, news=self._observations.listed(key, job))
            elif since < began:
                self._tell(key, news=self._observations.unlisted(key))
        return requests

    async def _look_at_one(self, key: Key, followed: tuple[str, float]) -> int:
        try:
            job: Job | None = await self._link.client.get_job(followed[0], priority=Priority.LIST)
        except errors.NotFoundError:
            job = None
        self._tell(key, news=self._observations.read(key, job, now=self._clock.now()))
        return 1

    def _tell(self, key: Key, *, news: bool) -> None:
        if news:
            self._queue.add(key)

    async def _list_active(self) -> tuple[dict[str, Job], int]:
        """List queued jobs, then running ones: a job that starts between the two is seen in the second."""
        jobs: dict[str, Job] = {}
        requests = 0
        for status, sort in ((JobStatus.QUEUED, "created_at"), (JobStatus.RUNNING, "started_at")):
            listed, pages = await self._list(status, sort)
            jobs |= {job.name: job for job in listed}
            requests += pages
        return jobs, requests

    async def _list(self, status: JobStatus, sort: str) -> tuple[list[Job], int]:
        """Read all pages, the last first: what leaves meanwhile shifts only what was read already."""
        first = await self._page(status, sort, 1)
        listed, total = list(first.data), first.pagination.total_pages
        for number in range(total, 1, -1):
            listed += (await self._page(status, sort, number)).data
        if total > 1:  # what shifted from the second page into the first while the others were read
            listed += (await self._page(status, sort, 1)).data
        return listed, total + (total > 1)

    async def _page(self, status: JobStatus, sort: str, number: int):  # type: ignore[no-untyped-def]
        client = self._link.client
        request = client.list_jobs(status=status, page=number, per_page=_PER_PAGE, sort=sort, order="asc")
        return await self._link.call(request, listing=True)

    def _interval(self, requests: int) -> float:
        """Give the seconds to rest: what the plan allows for so many requests, or the back-off of a failing platform."""
        if not self._link.healthy:
            asked = (self._link.fault.retry_after if self._link.fault else None) or 0.0
            return max(min(2.0 ** min(self._link.failures - 1, 6), LONGEST_INTERVAL), min(asked, 3600.0))
        if not self._link.followed:
            return PROBE_EVERY
        if self._requests_per_minute is None:
            return SHORTEST_INTERVAL
        afforded = requests * 60.0 / (self._requests_per_minute * _SHARE)
        return max(SHORTEST_INTERVAL, afforded)

    async def _rest(self, seconds: float) -> None:
        """Rest, but begin at once where the first job comes to be followed."""
        idle = self._link.healthy and not self._link.followed
        self._link.wake.clear()
        jittered = seconds * random.uniform(0.9, 1.1)  # noqa: S311  # jitter, no secret
        if not idle:
            await asyncio.sleep(jittered)
            return
        try:
            await asyncio.wait_for(self._link.wake.wait(), jittered)
        except TimeoutError:
            return
