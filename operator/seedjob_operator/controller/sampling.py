"""Reads the analytics of an account's running jobs, one after the other, from what the budget leaves over.

No pass waits for them and no round of lists does: each is a request that goes when nobody else wants to, and what it shows
is told like a listed job's progress.
"""

import asyncio
import logging
import random

from seedjob_operator.controller import schedule
from seedjob_operator.controller.context import ControllerContext
from seedjob_operator.controller.keys import Key
from seedjob_operator.controller.links import Link
from seedjob_operator.seedapi import errors
from seedjob_operator.seedapi.budget import Priority
from seedjob_operator.seedapi.wire import Analytics

_log = logging.getLogger(__name__)
LOOK_EVERY = 15.0


class Sampler:
    """Samples the jobs that one account's poll follows."""

    def __init__(self, link: Link, context: ControllerContext) -> None:
        self._link = link
        self._observations = context.observations
        self._queue = context.queue
        self._leadership = context.leadership
        self._clock = context.clock
        self._budget = context.budget

    async def run(self) -> None:
        """Sample until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY * random.uniform(0.9, 1.0))  # noqa: S311  # jitter, no secret
            try:
                for key, name in self._due():
                    if self._is_time() and self._is_due(key, name):  # still: the line may have been long
                        await self._sample(key, name)
                        await asyncio.sleep(self._pause())
            except errors.SeedError as error:
                _log.debug("analytics of running jobs wait: %s", error)

    def _due(self) -> list[tuple[Key, str]]:
        """Give whose turn it is, whoever waited longest first."""
        if not self._is_time():
            return []
        now, waiting = self._clock.now(), []
        for key, (name, _) in self._link.followed.items():
            since = self._observations.sample_due_since(key, now=now)
            if since is not None:
                waiting.append((since, key, name))
        return [(key, name) for _, key, name in sorted(waiting)]

    def _is_time(self) -> bool:
        return self._link.healthy and self._leadership.held

    def _is_due(self, key: Key, name: str) -> bool:
        followed = self._link.followed.get(key, ("", 0.0))[0] == name
        return followed and self._observations.sample_due_since(key, now=self._clock.now()) is not None

    async def _sample(self, key: Key, name: str) -> None:
        """Read one job's analytics. A failure takes its turn too: one job's trouble doesn't stand before the others.

        Raises:
            SeedError: the platform doesn't serve us at present.
        """
        analytics: Analytics | None = None
        try:
            analytics = await self._link.client.get_analytics(name, priority=Priority.SPARE)
        except errors.SeedError as error:
            if self._serves_nobody(error):
                raise
            _log.debug("the analytics of %s weren't to be had: %s", name, error)
        if self._observations.sampled(key, name, analytics, now=self._clock.now()):
            self._queue.add(key)

    def _serves_nobody(self, error: errors.SeedError) -> bool:
        refused = isinstance(error, errors.RateLimitedError | errors.UnauthorizedError)
        return refused or self._budget.state(self._link.client.account.credential).platform_down

    def _pause(self) -> float:
        return schedule.between_samples(self._budget.state(self._link.client.account.credential))
