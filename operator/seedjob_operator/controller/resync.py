"""The full list: what a watch missed is mended, and each object gets a pass every few minutes."""

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable

from seedjob_operator.controller.health import Health
from seedjob_operator.controller.keys import Key
from seedjob_operator.controller.kubernetes import KubernetesError, SeedObjects
from seedjob_operator.controller.queue import KeyQueue
from seedjob_operator.controller.store import Store, key_of

_log = logging.getLogger(__name__)
RESYNC_EVERY = 300.0
_WAIT_AFTER_FAILURE = 5.0


class Resync:
    """Lists all objects from time to time, and when told to.

    `listed` is set once all are known, `tried` when the first attempt has ended, however.
    """

    def __init__(
        self,
        *,
        seedjobs: SeedObjects,
        jobs: Store,
        seedconnections: SeedObjects,
        connections: Store,
        queue: KeyQueue,
        health: Health,
        on_job_gone: Callable[[Key, str], None],
        on_connection_gone: Callable[[Key, str], None],
    ) -> None:
        self.listed, self.tried = asyncio.Event(), asyncio.Event()
        self._now = asyncio.Event()
        self._seedjobs, self._jobs = seedjobs, jobs
        self._seedconnections, self._connections = seedconnections, connections
        self._queue = queue
        self._health = health
        self._on_job_gone, self._on_connection_gone = on_job_gone, on_connection_gone

    def soon(self) -> None:
        """List without waiting for the next round."""
        self._now.set()

    async def run(self) -> None:
        """List until cancelled."""
        while True:
            self._now.clear()
            try:
                await self._list_all()
            finally:
                self.tried.set()
            with contextlib.suppress(TimeoutError):
                pause = RESYNC_EVERY * random.uniform(0.9, 1.1)  # noqa: S311  # jitter, no secret
                await asyncio.wait_for(self._now.wait(), pause)

    async def _list_all(self) -> None:
        jobs, connections = _uids(self._jobs), _uids(self._connections)
        try:
            async for connection in self._seedconnections.each():
                connections.pop(key_of(connection), None)
                self._connections.put(connection)
            async for body in self._seedjobs.each():
                jobs.pop(key_of(body), None)
                self._jobs.put(body)
                if key_of(body) in self._jobs:
                    self._queue.add(key_of(body))
        except KubernetesError as error:
            _log.warning("the full list failed, it is tried again: %s", error)
            asyncio.get_running_loop().call_later(_WAIT_AFTER_FAILURE, self._now.set)
            return
        for key, uid in connections.items():
            self._on_connection_gone(key, uid)
        for key, uid in jobs.items():
            self._on_job_gone(key, uid)
        self.listed.set()
        self._health.beat("full list", limit=3 * RESYNC_EVERY)
        self._health.arrived("watch")


def _uids(store: Store) -> dict[Key, str]:
    return {key: outline.uid for key, outline in store.outlines_everywhere()}
