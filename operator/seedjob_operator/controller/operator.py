"""The operator: puts the parts together, runs them in one event loop, and stops them together."""

import asyncio
import contextlib
import logging
import os
import random
import signal
import socket
from collections import Counter
from typing import Any

from aiohttp import web

from seedjob_operator import metrics
from seedjob_operator.controller import health as health_endpoint
from seedjob_operator.controller import references
from seedjob_operator.controller.accounts import Accounts
from seedjob_operator.controller.clock import Clock
from seedjob_operator.controller.connection_status import ConnectionStatus
from seedjob_operator.controller.connections import Connections
from seedjob_operator.controller.context import ControllerContext
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
from seedjob_operator.controller.queue import KeyQueue
from seedjob_operator.controller.reconciler import Reconciler
from seedjob_operator.controller.recorder import EventRecorder
from seedjob_operator.controller.references import ReferenceWatch
from seedjob_operator.controller.resync import Resync
from seedjob_operator.controller.scope import Scope
from seedjob_operator.controller.sifting import Known
from seedjob_operator.controller.sources import SourceReader
from seedjob_operator.controller.store import Store, key_of
from seedjob_operator.controller.upkeep import Upkeep
from seedjob_operator.controller.watching import Resource, build_registry, watch
from seedjob_operator.core.snapshot import Hold
from seedjob_operator.resources import GROUP, SEEDCONNECTION_PLURAL, SEEDJOB_PLURAL, VERSION
from seedjob_operator.seedapi.budget import Budget
from seedjob_operator.settings import Settings

_log = logging.getLogger(__name__)
_COUNT_EVERY = 5.0
_WAIT_AT_START = 5.0
_WATCH = "watch"


class Operator:
    """One replica."""

    def __init__(self, settings: Settings, kubernetes: Kubernetes, streams: Kubernetes) -> None:
        self._settings = settings
        self._kubernetes = kubernetes
        self._clock = Clock()
        self._queue = KeyQueue()
        self._jobs = Store(Scope(shard=settings.shard, labels=settings.watch_label_selector).covers)
        self._connections_store = Store()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._stop, self._stop_watch = asyncio.Event(), asyncio.Event()
        self._failure: BaseException | None = None
        self.health = Health(self._clock)
        namespaces = settings.watch_namespaces
        self._seedjobs = SeedObjects(kubernetes, SEEDJOB_PLURAL, namespaces=namespaces)
        self._seedconnections = SeedObjects(kubernetes, SEEDCONNECTION_PLURAL, namespaces=namespaces)
        self._observations = Observations(currency=settings.seed_currency)
        self._sources = SourceReader(kubernetes, self._clock)
        identity = f"{socket.gethostname()}-{os.getpid()}-{random.randrange(16**6):06x}"  # noqa: S311  # a name, no secret
        self._leadership = Leadership(
            kubernetes,
            namespace=own_namespace(settings.lease_namespace, settings.kubeconfig),
            name=settings.lease_name,
            identity=identity,
            on_change=self._on_leadership,
            shard=settings.shard,
        )
        self._accounts = Accounts(
            jobs=self._jobs,
            context=ControllerContext(
                observations=self._observations,
                queue=self._queue,
                leadership=self._leadership,
                clock=self._clock,
                budget=Budget(shards=settings.shard.count),
            ),
            start=self._start,
            on_change=self._on_link,
        )
        self._connections = Connections(
            settings,
            seedconnections=self._connections_store,
            sources=self._sources,
            clock=self._clock,
            open_link=self._accounts.open,
        )
        self._holder = Holder(
            seedconnections=self._seedconnections, connections=self._connections_store, jobs=self._jobs
        )
        self._reconciler = Reconciler(
            seedjobs=self._seedjobs,
            store=self._jobs,
            observations=self._observations,
            connections=self._connections,
            holder=self._holder,
            sources=self._sources,
            recorder=EventRecorder(kubernetes, component=settings.lease_name),
            leadership=self._leadership,
            queue=self._queue,
            clock=self._clock,
        )
        self._references = ReferenceWatch(streams, on_change=lambda reference: self._upkeep.on_reference(reference))  # noqa: PLW0108  # made below
        self._resync = Resync(
            seedjobs=self._seedjobs,
            jobs=self._jobs,
            seedconnections=self._seedconnections,
            connections=self._connections_store,
            queue=self._queue,
            health=self.health,
            on_job_gone=self._forget_job,
            on_connection_gone=lambda key, uid: self._upkeep.gone(key, uid),  # noqa: PLW0108  # made below
        )
        self._upkeep = self._make_upkeep()

    def _make_upkeep(self) -> Upkeep:
        seedconnections = self._seedconnections
        status = ConnectionStatus(
            seedconnections=seedconnections,
            store=self._connections_store,
            connections=self._connections,
            clock=self._clock,
            jobs=self._jobs,
        )
        return Upkeep(
            jobs=self._jobs,
            seedconnections=self._connections_store,
            connections=self._connections,
            accounts=self._accounts,
            status=status,
            holder=self._holder,
            references=self._references,
            sources=self._sources,
            queue=self._queue,
            leadership=self._leadership,
            shard=self._settings.shard,
            health=self.health,
            listed=self._resync.listed,
        )

    async def run(self) -> bool:
        """Run until a signal (True), or until a part that has to run fails (False; it is logged)."""
        self._take_signals()
        self.health.wait_for("watch", "the SeedJobs were not listed yet")
        await self._wait_for_resources()
        self._start(self._watch(), _WATCH)
        self._start(self._leadership.run(), "leader election")
        self._start(self._list(), "resync")
        self._start(self._upkeep.run(), "connections")
        self._start(self._count_phases(), "phase counts")
        self._start(health_endpoint.beat_while(self.health, "event loop"), "heartbeat")
        self._start(self._work(), "passes")
        await self._prove_default_connection()
        await self._stop.wait()
        await self._end()
        return self._failure is None

    async def _list(self) -> None:
        """List when it is known who leads: whoever begins to act lists anew, and would give each object two passes."""
        await self._leadership.tried.wait()
        await self._resync.run()

    async def _watch(self) -> None:
        """Watch from the first full list on: what that told is no news any more."""
        await self._resync.tried.wait()
        registry = build_registry(
            kubeconfig=self._settings.kubeconfig,
            resources=(
                Resource(plural=SEEDJOB_PLURAL, on_change=self._on_seedjob, known=_known(self._jobs, self._seedjobs)),
                Resource(
                    plural=SEEDCONNECTION_PLURAL,
                    on_change=self._on_seedconnection,
                    known=_known(self._connections_store, self._seedconnections),
                ),
            ),
        )
        namespaces = self._settings.watch_namespaces
        await watch(registry, namespaces=namespaces, stop=self._stop_watch, on_ready=self._take_signals)

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
        self._resync.tried.set()  # the watch may still wait to begin
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._accounts.close()

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
            self._upkeep.gone(key, body["metadata"]["uid"])
        elif self._connections_store.put(body):
            self._upkeep.changed(key)

    def _on_leadership(self, held: bool) -> None:  # the election's callback
        self._observations.forget_all()
        if held:
            self._resync.soon()  # what the watch said while another one acted may be old

    def _on_link(self, link: Link) -> None:  # the accounts' callback
        self._note_default(link)
        self._upkeep.soon()

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

    async def _count_phases(self) -> None:
        while True:
            counts = Counter(outline.phase or "New" for _, outline in self._jobs.outlines())
            metrics.SEEDJOBS.clear()
            for phase, count in counts.items():
                metrics.SEEDJOBS.labels(phase).set(count)
            await asyncio.sleep(_COUNT_EVERY)


def _known(store: Store, objects: SeedObjects) -> Known:
    return Known(knows=store.knows, answered=lambda body: objects.answered(key_of(body)))


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
