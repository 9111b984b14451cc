"""The upkeep of connections: every few seconds, and at once where something changed, each is brought up to date."""

import asyncio
import contextlib
import logging
from collections.abc import Iterator

from seedjob_operator.controller.accounts import Accounts
from seedjob_operator.controller.connection_status import ConnectionStatus
from seedjob_operator.controller.connections import Connections
from seedjob_operator.controller.health import Health
from seedjob_operator.controller.holding import Holder
from seedjob_operator.controller.keys import Key
from seedjob_operator.controller.leadership import Leadership
from seedjob_operator.controller.queue import KeyQueue
from seedjob_operator.controller.references import Reference, ReferenceWatch
from seedjob_operator.controller.sources import SourceReader
from seedjob_operator.controller.store import Store
from seedjob_operator.controller.waiting import Dependents, dependents
from seedjob_operator.core.shard import Shard

_log = logging.getLogger(__name__)
EVERY = 5.0


class Upkeep:
    """Keeps SeedConnections, their accounts and the watches of what they refer to in step with what is there."""

    def __init__(
        self,
        *,
        jobs: Store,
        seedconnections: Store,
        connections: Connections,
        accounts: Accounts,
        status: ConnectionStatus,
        holder: Holder,
        references: ReferenceWatch,
        sources: SourceReader,
        queue: KeyQueue,
        leadership: Leadership,
        shard: Shard,
        health: Health,
        listed: asyncio.Event,
    ) -> None:
        self._jobs, self._seedconnections = jobs, seedconnections
        self._connections, self._accounts = connections, accounts
        self._status, self._holder = status, holder
        self._references, self._sources = references, sources
        self._queue, self._leadership, self._shard = queue, leadership, shard
        self._health, self._listed = health, listed
        self._gone: set[Key] = set()
        self._dependents: dict[Reference, Dependents] = {}
        self._now = asyncio.Event()

    def soon(self) -> None:
        """Go round without waiting."""
        self._now.set()

    async def run(self) -> None:
        """Go round until cancelled."""
        while True:
            self._connections.default_link()
            await self._retire()
            self._watch_references()
            for key in self._own() if self._leadership.held else ():
                await self._refresh(key)
            self._health.beat("connections")
            self._now.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._now.wait(), EVERY)

    def changed(self, connection: Key) -> None:
        """Take in that a SeedConnection, or its credential, is another now: those that use it look again."""
        self._now.set()
        for job in self._users_of(connection):
            self._queue.add(job)

    def gone(self, connection: Key, uid: str) -> None:
        """Take in that a SeedConnection is gone."""
        self._seedconnections.remove(connection, uid=uid)
        self._gone.add(connection)
        self.changed(connection)

    def on_reference(self, reference: Reference) -> None:
        """Take in that a Secret or ConfigMap is another now."""
        if reference.plural == "secrets":
            self._sources.forget(reference.namespace, reference.name)
        waiting = self._dependents.get(reference, Dependents())
        for connection in waiting.connections:
            self.changed(connection)
        for job in waiting.jobs:
            self._queue.add(job)

    def _users_of(self, connection: Key) -> Iterator[Key]:
        for job, outline in self._jobs.outlines():
            if job.namespace == connection.namespace and connection.name in outline.connections:
                yield job

    def _own(self) -> list[Key]:
        """Give the SeedConnections whose status and finalizer this shard writes; every shard uses all of them."""
        return [key for key, outline in self._seedconnections.outlines() if self._shard.has(outline.uid)]

    async def _retire(self) -> None:
        """Drop what belongs to connections that are gone and that nobody needs for cleaning up."""
        for key in tuple(self._gone):
            needed = key in self._seedconnections or any(True for _ in self._users_of(key))
            if not needed:
                self._connections.forget(key)
                self._accounts.forget(key)
                self._gone.discard(key)
        unfinished = {
            Key(job.namespace, name)
            for job, outline in self._jobs.outlines()
            if outline.unfinished
            for name in outline.connections
        }
        self._connections.keep_for_cleaning_up(unfinished)
        await self._accounts.retire(self._connections)

    def _watch_references(self) -> None:
        """Watch what is referred to now; a standby acts on nothing, and watches nothing."""
        held = self._leadership.held
        self._dependents = dependents(jobs=self._jobs, connections=self._seedconnections) if held else {}
        self._references.watch(set(self._dependents))

    async def _refresh(self, key: Key) -> None:
        try:
            if self._listed.is_set():  # before that nobody knows who uses it
                await self._holder.refresh(key)
            await self._status.refresh(key)
        except Exception:  # noqa: BLE001  # one connection's oddity must not stop the others
            _log.exception("SeedConnection %s could not be looked at; it is tried again", key)
        self._health.beat("connections")
