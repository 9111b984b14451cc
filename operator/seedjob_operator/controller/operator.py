"""The operator: puts the parts together, runs them in one event loop, and stops them together."""

import asyncio
import contextlib
import logging
import os
import random
import signal
import socket
from collections import Counter
from collections.abc import Iterator
from typing import Any

from aiohttp import web

from seedjob_operator import metrics
from seedjob_operator.controller import health as health_endpoint
from seedjob_operator.controller import references
from seedjob_operator.controller.clock import Clock
from seedjob_operator.controller.connection_status import ConnectionStatus
from seedjob_operator.controller.connections import Connections, Plan
from seedjob_operator.controller.health import Health
from seedjob_operator.controller.holding import Holder
from seedjob_operator.controller.keys import Key
from seedjob_operator.controller.kubernetes import (
    Kubernetes,
    KubernetesError,
    NotFoundError,
    SeedObjects,
    own_namespace,
)
from seedjob_operator.controller.leadership import Leadership
from seedjob_operator.controller.links import Link
from seedjob_operator.controller.observations import Observations
from seedjob_operator.controller.passes import before_write
from seedjob_operator.controller.poller import Poller
from seedjob_operator.controller.queue import KeyQueue
from seedjob_operator.controller.reconciler import Reconciler
from seedjob_operator.controller.recorder import EventRecorder
from seedjob_operator.controller.references import Reference, ReferenceWatch
from seedjob_operator.controller.resync import Resync
from seedjob_operator.controller.sources import SourceReader
from seedjob_operator.controller.store import Store, key_of
from seedjob_operator.controller.waiting import Dependents, dependents
from seedjob_operator.controller.watching import build_registry, watch
from seedjob_operator.core.snapshot import Hold
from seedjob_operator.resources import GROUP, SEEDCONNECTION_PLURAL, SEEDJOB_PLURAL, VERSION
from seedjob_operator.seedapi.budget import Budget
from seedjob_operator.seedapi.client import Account, SeedClient
from seedjob_operator.settings import Settings

_log = logging.getLogger(__name__)
CONNECTIONS_EVERY = 5.0
_WAIT_AT_START = 5.0
_RETIRED_FOR = 120.0
"""Seconds for which a retired account's client stays open: passes may hold it, and no request takes longer."""
_WATCH = "watch"


class Operator:
    """One replica."""

    def __init__(self, settings: Settings, kubernetes: Kubernetes, streams: Kubernetes) -> None:
        self._settings = settings
        self._kubernetes = kubernetes
        self._clock = Clock()
        self._queue = KeyQueue()
        self._jobs = Store()
        self._connections_store = Store()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._links: dict[Account, Link] = {}
        self._pollers: dict[Account, asyncio.Task[Any]] = {}
        self._retired: list[tuple[float, Link]] = []
        self._gone_connections: set[Key] = set()
        self._stop = asyncio.Event()
        self._stop_watch = asyncio.Event()
        self._connections_changed = asyncio.Event()
        self._failure: BaseException | None = None
        self.health = Health(self._clock)
        self._budget = Budget()
        namespaces = settings.watch_namespaces
        self._seedjobs = SeedObjects(kubernetes, SEEDJOB_PLURAL, namespaces=namespaces)
        self._seedconnections = SeedObjects(kubernetes, SEEDCONNECTION_PLURAL, namespaces=namespaces)
        self._observations = Observations(currency=settings.seed_currency)
        self._sources = SourceReader(kubernetes, self._clock)
        self._references = ReferenceWatch(streams, on_change=self._on_reference)
        self._dependents: dict[Reference, Dependents] = {}
        self._connections = Connections(
            settings,
            seedconnections=self._connections_store,
            sources=self._sources,
            clock=self._clock,
            open_link=self._open_link,
        )
        identity = f"{socket.gethostname()}-{os.getpid()}-{random.randrange(16**6):06x}"  # noqa: S311  # a name, no secret
        self._leadership = Leadership(
            kubernetes,
            namespace=own_namespace(settings.lease_namespace, settings.kubeconfig),
            name=settings.lease_name,
            identity=identity,
            on_change=self._on_leadership,
        )
        self._reconciler = Reconciler(
            seedjobs=self._seedjobs,
            store=self._jobs,
            observations=self._observations,
            connections=self._connections,
            sources=self._sources,
            recorder=EventRecorder(kubernetes, component=settings.lease_name),
            leadership=self._leadership,
            queue=self._queue,
            clock=self._clock,
        )
        self._connection_status = ConnectionStatus(
            seedconnections=self._seedconnections,
            store=self._connections_store,
            connections=self._connections,
            clock=self._clock,
            jobs=self._jobs,
        )
        self._resync = Resync(
            seedjobs=self._seedjobs,
            jobs=self._jobs,
            seedconnections=self._seedconnections,
            connections=self._connections_store,
            queue=self._queue,
            health=self.health,
            on_job_gone=self._forget_job,
            on_connection_gone=self._forget_connection,
        )
        self._holder = Holder(
            seedconnections=self._seedconnections, connections=self._connections_store, jobs=self._jobs
        )

    async def run(self) -> bool:
        """Run until a signal (True), or until a part that has to run fails (False; it is logged)."""
        self._take_signals()
        self.health.wait_for("watch", "the SeedJobs were not listed yet")
        await self._wait_for_resources()
        registry = build_registry(
            kubeconfig=self._settings.kubeconfig,
            on_seedjob=self._on_seedjob,
            on_seedconnection=self._on_seedconnection,
        )
        namespaces = self._settings.watch_namespaces
        self._start(watch(registry, namespaces=namespaces, stop=self._stop_watch, on_ready=self._take_signals), _WATCH)
        self._start(self._leadership.run(), "leader election")
        self._start(self._resync.run(), "resync")
        self._start(self._refresh_connections(), "connections")
        self._start(health_endpoint.beat_while(self.health, "event loop"), "heartbeat")
        self._start(self._work(), "passes")
        await self._prove_default_connection()
        await self._stop.wait()
        await self._end()
        return self._failure is None

    async def _work(self) -> None:
        """Begin when all is known once: a SeedJob whose SeedConnection was not listed yet would look as if it had none."""
        await self._resync.listed.wait()
        await self._reconciler.run()

    def _take_signals(self) -> None:
        """Stop on SIGTERM and SIGINT, however often they come."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)

    def _start(self, work: Any, name: str) -> asyncio.Task[Any]:  # any coroutine
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        """A part that ends ends the operator: the pod comes back, and picks everything up."""
        self._tasks.discard(task)
        if task.cancelled() or self._stop.is_set():
            return
        if task.get_name() == _WATCH and task.exception() is None:
            self._stop.set()  # kopf took a signal before we did
            return
        self._failure = task.exception() or RuntimeError("it returned")
        _log.error("%s ended: %s; the operator stops, to be started again", task.get_name(), self._failure)
        self._stop.set()

    async def _end(self) -> None:
        """End our own parts first: a kopf that stops cancels every task of the loop, one that gives back the Lease too."""
        tasks = [task for task in self._tasks if task.get_name() != _WATCH]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._references.close()
        self._stop_watch.set()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for link in (*self._links.values(), *(link for _, link in self._retired)):
            await link.client.aclose()

    async def _wait_for_resources(self) -> None:
        """Wait until Kubernetes answers and has our resources: kopf would never serve ones that come later."""
        path = f"/apis/{GROUP}/{VERSION}"
        while not self._stop.is_set():
            why = await self._missing(path)
            if why is None:
                return
            self.health.wait_for("kubernetes", why)
            _log.warning("waiting: %s", why)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), _WAIT_AT_START)

    async def _missing(self, path: str) -> str | None:
        try:
            served = {resource["name"] for resource in (await self._kubernetes.get(path))["resources"]}
        except NotFoundError:
            served = set()
        except KubernetesError as error:
            return str(error)
        if {SEEDJOB_PLURAL, SEEDCONNECTION_PLURAL} <= served:
            self.health.arrived("kubernetes")
            return None
        return "the cluster doesn't have the SeedJob resources: kubectl apply -f crds/"

    def _on_seedjob(self, body: dict[str, Any], gone: bool) -> None:  # the watch's callback
        key = key_of(body)
        if gone:
            self._forget_job(key, body["metadata"]["uid"])
        elif self._jobs.put(body):
            self._queue.add(key)

    def _forget_job(self, key: Key, uid: str) -> None:
        self._reconciler.vanished(key, uid=uid)
        self._queue.add(key)

    def _on_seedconnection(self, body: dict[str, Any], gone: bool) -> None:  # the watch's callback
        key = key_of(body)
        if gone:
            self._forget_connection(key, body["metadata"]["uid"])
        elif self._connections_store.put(body):
            self._tell_users(key)

    def _forget_connection(self, key: Key, uid: str) -> None:
        self._connections_store.remove(key, uid=uid)
        self._gone_connections.add(key)
        self._tell_users(key)

    def _tell_users(self, key: Key) -> None:
        self._connections_changed.set()
        for job in self._users_of(key):
            self._queue.add(job)

    def _on_leadership(self, held: bool) -> None:  # the election's callback
        self._observations.forget_all()
        if held:
            self._resync.soon()  # what the watch said while another one acted may be old

    def _open_link(self, account: Account, plan: Plan) -> Link:
        known = self._links.get(account)
        if known is not None:
            return known
        self._budget.configure(account.credential, requests_per_minute=plan.requests_per_minute, burst=plan.burst)
        client = SeedClient(account, self._budget, on_request=_count, before_write=before_write)
        link = Link(client, clock=self._clock, on_change=self._on_link)
        self._links[account] = link
        self._wake_unfinished()  # a rotated credential is what many may have waited for
        poller = Poller(
            link,
            observations=self._observations,
            queue=self._queue,
            leadership=self._leadership,
            clock=self._clock,
            budget=self._budget,
        )
        self._pollers[account] = self._start(poller.run(), f"poll of {account.endpoint}")
        return link

    def _wake_unfinished(self) -> None:
        for key, outline in self._jobs.outlines():
            if outline.unfinished:
                self._queue.add(key)

    async def _retire_links(self) -> None:
        """Let go of accounts that no connection has any more: their credentials were rotated, or they are gone."""
        for name in tuple(self._gone_connections):
            if not self._needed(name):
                self._connections.forget(name)
                self._gone_connections.discard(name)
        for account in self._links.keys() - self._connections.accounts():
            self._pollers.pop(account).cancel()
            link = self._links.pop(account)
            for key in link.followed:
                self._queue.add(key)
            self._retired.append((self._clock.monotonic() + _RETIRED_FOR, link))
        while self._retired and self._retired[0][0] <= self._clock.monotonic():
            await self._retired.pop(0)[1].client.aclose()

    def _needed(self, connection: Key) -> bool:
        """Whether a SeedConnection is there, or is gone and a SeedJob that refers to it has yet to be cleaned up."""
        return self._connections_store.get(connection) is not None or any(True for _ in self._users_of(connection))

    def _users_of(self, connection: Key) -> Iterator[Key]:
        for job, outline in self._jobs.outlines():
            if job.namespace == connection.namespace and connection.name in outline.connections:
                yield job

    def _on_link(self, link: Link) -> None:
        for key in tuple(link.users):
            if key not in self._jobs:
                link.users.discard(key)
            else:
                self._queue.add(key)
        self._note_default(link)
        self._connections_changed.set()

    def _note_default(self, link: Link) -> None:
        default = self._connections.default_link()
        if default is not link:
            return
        if link.healthy:
            self.health.arrived("default connection")
        elif not link.proven and link.fault is not None:
            self.health.wait_for("default connection", link.fault.message)

    async def _prove_default_connection(self) -> None:
        """Open the default connection: its poll probes it until it answers."""
        link = self._connections.default_link()
        if isinstance(link, Link) and not link.healthy:
            self.health.wait_for("default connection", "the platform has not answered yet")
        elif isinstance(link, Hold) and self._settings.seed_api_url is not None:
            self.health.wait_for("default connection", link.message)

    def _count_phases(self) -> None:
        counts = Counter(outline.phase or "New" for _, outline in self._jobs.outlines())
        metrics.SEEDJOBS.clear()
        for phase, count in counts.items():
            metrics.SEEDJOBS.labels(phase).set(count)

    async def _refresh_connections(self) -> None:
        while True:
            self._count_phases()
            self._connections.default_link()
            await self._retire_links()
            self._watch_references()
            for key in self._connections_store if self._leadership.held else ():
                await self._refresh_connection(key)
            self.health.beat("connections")
            self._connections_changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._connections_changed.wait(), CONNECTIONS_EVERY)

    def _watch_references(self) -> None:
        """Watch what is referred to now; a standby acts on nothing, and watches nothing."""
        held = self._leadership.held
        self._dependents = dependents(jobs=self._jobs, connections=self._connections_store) if held else {}
        self._references.watch(set(self._dependents))

    def _on_reference(self, reference: Reference) -> None:  # the watch's callback
        if reference.plural == "secrets":
            self._sources.forget(reference.namespace, reference.name)
        waiting = self._dependents.get(reference, Dependents())
        for connection in waiting.connections:
            self._tell_users(connection)
        for job in waiting.jobs:
            self._queue.add(job)

    async def _refresh_connection(self, key: Key) -> None:
        try:
            if self._resync.listed.is_set():  # before that nobody knows who uses it
                await self._holder.refresh(key)
            await self._connection_status.refresh(key)
        except Exception:  # noqa: BLE001  # one connection's oddity must not stop the others
            _log.exception("SeedConnection %s could not be looked at; it is tried again", key)
        self.health.beat("connections")


def _count(operation: str, outcome: str, seconds: float) -> None:
    metrics.REMOTE_REQUESTS.labels(operation, outcome).inc()
    metrics.REMOTE_SECONDS.labels(operation).observe(seconds)


async def run(settings: Settings) -> bool:
    """Run one replica until SIGTERM or SIGINT (True), or until it fails (False).

    Raises:
        PortInUseError: the metrics port isn't free.
        KubernetesError: there is no way to a Kubernetes API.
    """
    kubernetes = await Kubernetes.connect(settings.kubeconfig)
    streams = await Kubernetes.connect(settings.kubeconfig, connections=references.MOST)
    operator = Operator(settings, kubernetes, streams)
    runner: web.AppRunner | None = None
    try:
        runner = await health_endpoint.serve(
            operator.health, address=settings.metrics_address, port=settings.metrics_port
        )
        return await operator.run()
    finally:
        if runner is not None:
            await runner.cleanup()
        await streams.close()
        await kubernetes.close()
