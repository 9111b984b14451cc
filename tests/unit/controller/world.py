"""A small world around the real reconciler: a Kubernetes that keeps resource versions, and a platform that is scripted."""

import asyncio
import copy
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from seedjob_operator.controller.clock import Clock
from seedjob_operator.controller.keys import Key
from seedjob_operator.controller.kubernetes import ConflictError, KubernetesError, NotFoundError
from seedjob_operator.controller.leadership import NotLeaderError
from seedjob_operator.controller.observations import Observations
from seedjob_operator.controller.passes import before_write
from seedjob_operator.controller.queue import KeyQueue
from seedjob_operator.controller.reconciler import Reconciler
from seedjob_operator.controller.store import Store
from seedjob_operator.core import environment
from seedjob_operator.core.snapshot import Connection
from seedjob_operator.core.telling import Event
from seedjob_operator.seedapi import errors
from seedjob_operator.seedapi.wire import Analytics, CreateJob, Job, JobStatus, LogLine
from unit.simulated import seedjob

KEY = Key("ns", "a")
Body = dict[str, Any]
Wait = Callable[[], Awaitable[None]]


async def at_once() -> None:
    """Wait for nothing."""


class Objects:
    """The SeedJobs in Kubernetes: each write makes a new version, and is refused on an old one."""

    def __init__(self) -> None:
        self.live: dict[Key, Body] = {}
        self._version = 100
        self.refusal: Exception | None = None
        """What each write is answered with, where it is refused."""
        self.unheard = 0
        """How many of the next writes to metadata are carried out, and their answers lost."""

    def put(self, body: Any) -> Body:
        self._version += 1
        kept: Body = copy.deepcopy(dict(body))
        kept["metadata"]["resourceVersion"] = str(self._version)
        self.live[Key(kept["metadata"]["namespace"], kept["metadata"]["name"])] = kept
        return copy.deepcopy(kept)

    async def get(self, key: Key) -> Body:
        if key not in self.live:
            raise NotFoundError("gone", status=404)
        return copy.deepcopy(self.live[key])

    async def patch_metadata(self, key: Key, *, precondition: Body, metadata: Body) -> Body:
        body = await self._checked(key, precondition)
        annotations = (body["metadata"].get("annotations") or {}) | metadata.get("annotations", {})
        body["metadata"] |= metadata | {"annotations": {name: text for name, text in annotations.items() if text}}
        written = self._ended(key, body) or self.put(body)
        if self.unheard:
            self.unheard -= 1
            raise KubernetesError("the Kubernetes API can't be reached: TimeoutError")
        return written

    def _ended(self, key: Key, body: Body) -> Body | None:
        if "deletionTimestamp" not in body["metadata"] or body["metadata"].get("finalizers"):
            return None
        del self.live[key]
        return body

    async def patch_status(self, key: Key, *, precondition: Body, status: Body) -> Body:
        body = await self._checked(key, precondition)
        merged = (body.get("status") or {}) | status
        return self.put(body | {"status": {name: value for name, value in merged.items() if value is not None}})

    async def _checked(self, key: Key, precondition: Body) -> Body:
        await asyncio.sleep(0.01)
        if self.refusal is not None:
            raise self.refusal
        body = await self.get(key)
        if any(body["metadata"][name] != value for name, value in precondition.items()):
            raise ConflictError("changed meanwhile", status=409)
        return body


class Platform:
    """The remote platform and the client to it. `turn` is how long a write waits for the budget."""

    account = "an account"
    platform_time_offset = 0.0

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self.created: list[CreateJob] = []
        self.turn: Wait = at_once

    async def get_job(self, name: str, *, priority: object = None) -> Job:
        if name not in self.jobs:
            raise errors.NotFoundError("there is no such job", status=404)
        return self.jobs[name]

    async def create_job(self, request: CreateJob) -> Job:
        await self.turn()
        before_write()
        self.created.append(request)
        self.jobs[request.name] = Job.model_validate(
            {"id": f"job_{len(self.created)}", "name": request.name, "status": "queued"}
        )
        return self.jobs[request.name]

    async def cancel_job(self, name: str) -> Job:
        """End it at once."""
        return self.change(name, status=JobStatus.CANCELLED)

    async def delete_job(self, name: str, *, delete_artifacts: bool) -> None:
        del self.jobs[name]

    def change(self, name: str, **said: Any) -> Job:
        """Change what is said of a job."""
        self.jobs[name] = self.jobs[name].model_copy(update=said)
        return self.jobs[name]

    async def get_analytics(self, name: str) -> Analytics:
        return Analytics()

    async def get_logs(self, name: str, *, tail: int) -> list[LogLine]:
        """Give more than was asked for, as a platform may that doesn't know `tail`."""
        return [LogLine(message=f"line {number}") for number in range(150)]


class _Link:
    def __init__(self, platform: Platform) -> None:
        self.client = platform


class _Connections:
    def __init__(self, platform: Platform) -> None:
        self.link = _Link(platform)
        self.looking_up: Wait = at_once

    async def for_job(self, key: Key, name: str | None, *, cleaning_up: bool) -> tuple[Connection, _Link]:
        await self.looking_up()
        return Connection(name="", endpoint="https://seed.example", seed_namespace="acme"), self.link

    def follow(self, key: Key, name: str, link: object) -> None: ...

    def unfollow(self, key: Key) -> None: ...

    def forget_job(self, key: Key) -> None: ...


class _Leadership:
    def __init__(self) -> None:
        self.held, self.term = True, 1

    def check(self, term: int | None = None) -> None:
        if not self.held or term not in {None, self.term}:
            raise NotLeaderError


class _Recorder:
    def __init__(self) -> None:
        self.told: list[tuple[str, Event]] = []

        self.failing = False
        """Whether Kubernetes takes no Events just now."""

    async def record(self, body: Body, event: Event) -> bool:
        if not self.failing:
            self.told.append((body["metadata"]["uid"], event))
        return not self.failing


class _Sources:
    def __init__(self) -> None:
        self.reading: Wait = at_once
        self.read = environment.Sources()
        self.failing = False
        """Whether Kubernetes fails to answer just now."""
        self.answering: Wait = at_once
        self.reads = 0
        """How often a job's Secrets were asked for, to mask them."""

    async def for_job(self, namespace: str, job: object) -> environment.Sources:
        await self.reading()
        return self.read

    async def secrets_of(self, namespace: str, job: object) -> environment.Sources:
        self.reads += 1
        await self.answering()
        if self.failing:
            raise KubernetesError("the Kubernetes API answered 503: busy", status=503)
        return self.read


class _Holder:
    async def hold(self, key: Key) -> None: ...


class _Clock(Clock):
    """The simulated loop's time, so that what waits in it grows old."""

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


class World:
    """All of it. `reconciler` is the real one."""

    def __init__(self) -> None:
        self.objects, self.store, self.platform = Objects(), Store(), Platform()
        self.connections, self.leadership, self.recorder = _Connections(self.platform), _Leadership(), _Recorder()
        self.sources = _Sources()
        self.queue = KeyQueue()
        parts: Any = {
            "seedjobs": self.objects,
            "connections": self.connections,
            "holder": _Holder(),
            "leadership": self.leadership,
            "recorder": self.recorder,
            "sources": self.sources,
        }
        self.observations = Observations(currency="USD")
        self.reconciler = Reconciler(
            store=self.store, observations=self.observations, queue=self.queue, clock=_Clock(), **parts
        )

    def apply(self, **parts: Any) -> None:
        """Make or replace the SeedJob, as its user would, and have the watch tell of it."""
        body: Body = copy.deepcopy(dict(seedjob("a", **parts)))
        known = self.objects.live.get(KEY)
        if known is not None and known["metadata"]["uid"] == body["metadata"]["uid"]:
            body = known | {"spec": body["spec"]}
        self._tell(body)

    def annotate(self, **metadata: Any) -> None:
        """Change its metadata."""
        body = copy.deepcopy(self.objects.live[KEY])
        body["metadata"] |= metadata
        self._tell(body)

    def remove_by_force(self) -> None:
        """Strip its finalizers and delete it."""
        body = self.objects.live.pop(KEY)
        self.reconciler.vanished(KEY, uid=body["metadata"]["uid"])
        self.queue.add(KEY)

    def _tell(self, body: Body) -> None:
        self.store.put(self.objects.put(body))
        self.queue.add(KEY)

    async def work(self, seconds: float) -> None:
        """Let the reconciler work for a while."""
        work = asyncio.create_task(self.reconciler.run())
        await asyncio.sleep(seconds)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)

    @property
    def status(self) -> Body:
        """What Kubernetes has of the SeedJob's status."""
        return cast("Body", self.objects.live[KEY].get("status") or {})

    @property
    def orphans(self) -> list[tuple[str, str]]:
        """Whose removal left a job behind, and what was said of it."""
        return [(uid, event.message) for uid, event in self.recorder.told if event.reason == "Orphaned"]
