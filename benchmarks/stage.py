"""The parts of one measurement: a control plane of its own, the stub platform, the watcher, and what is measured."""

import asyncio
import contextlib
import dataclasses
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self

import aiohttp
import psutil

from benchmarks.apiserver import SEEDJOBS, ApiServer, Body, at_once, manifest
from benchmarks.jobs import Script
from benchmarks.meter import Meter
from benchmarks.subjects import UNLIMITED, Subject, Surroundings
from seedjob_operator.devcluster import Assets, ControlPlane
from seedjob_operator.devcluster.console import Progress
from seedjob_operator.devcluster.errors import DevClusterError
from seedjob_operator.devcluster.guarded import GuardedProcess
from seedjob_operator.devcluster.ports import held_ports

_CHECKOUT = Path(__file__).parents[1]
_START_SECONDS = 30.0
_STOP_SECONDS = 10.0
_PRIVATE = ("SEED_", "KUBE", "METRICS_", "LEASE_")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mark:
    """A moment, and what had been spent by then."""

    time: float
    cpu: float
    writes: dict[str, int]


class Stage:
    """One measurement's processes. `plan` and `script` hold for the platform from `prepare` on."""

    def __init__(self, directory: Path, control_plane: ControlPlane, progress: Progress) -> None:
        self._directory = directory
        self._control_plane = control_plane
        self._progress = progress
        self._stack = contextlib.AsyncExitStack()
        self._meter: Meter | None = None
        self._subject: GuardedProcess | None = None
        self._plan = UNLIMITED

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, assets: Assets, directory: Path, progress: Progress) -> AsyncIterator[Self]:
        """Start all but what is measured; everything ends with the block, whatever happens in it."""
        await asyncio.to_thread(directory.mkdir, parents=True)
        with ControlPlane(assets, directory=directory / "control-plane", progress=progress) as control_plane:
            control_plane.apply_crds(_CHECKOUT / "crds")
            stage = cls(directory, control_plane, progress)
            async with stage._stack:
                await stage._start_parts()
                yield stage

    async def _start_parts(self) -> None:
        stub, watcher, self._subject_port = self._stack.enter_context(held_ports(3))
        self._stack.callback(self.stop_subject)
        self.platform = f"http://127.0.0.1:{stub}"
        self._watcher = f"http://127.0.0.1:{watcher}"
        self._start("stub", [sys.executable, "-m", "benchmarks.stub", str(stub)])
        self._start("watcher", [sys.executable, "-m", "benchmarks.watcher", self.kubeconfig, str(watcher)])
        self.api = ApiServer.connect(self.kubeconfig)
        self._stack.push_async_callback(self.api.close)
        self._http = await self._stack.enter_async_context(aiohttp.ClientSession())
        await self.until(lambda: self._answers(f"{self.platform}/_control/count"), seconds=_START_SECONDS)
        await self.until(lambda: self._answers(f"{self._watcher}/state"), seconds=_START_SECONDS)

    @property
    def kubeconfig(self) -> Path:
        """The administrator's."""
        return self._control_plane.kubeconfig

    def say(self, text: str) -> None:
        """Tell the user."""
        self._progress.say(text)

    async def prepare(self, script: Script, *, plan: str = UNLIMITED) -> None:
        """Say what becomes of new jobs, and which limit holds."""
        self._plan = plan
        await self.control("settings", script=dataclasses.asdict(script), plan=plan)

    async def control(self, what: str, **body: Any) -> Any:
        """Use the stub platform's control interface."""
        async with self._http.post(f"{self.platform}/_control/{what}", json=body, raise_for_status=True) as answer:
            return await answer.json()

    async def seen(self) -> dict[str, Any]:
        """Give the watcher's count of what is to be seen."""
        async with self._http.get(f"{self._watcher}/state") as answer:
            state: dict[str, Any] = await answer.json()
            return state

    async def observations(self) -> list[Any]:
        """Give all that the watcher saw."""
        async with self._http.get(f"{self._watcher}/observations") as answer:
            observations: list[Any] = await answer.json()
            return observations

    async def create_seedjobs(self, count: int, *, prefix: str = "job") -> None:
        """Make SeedJobs as fast as it goes."""
        await at_once(partial(self.api.create, SEEDJOBS, manifest(f"{prefix}-{number:06d}")) for number in range(count))

    async def create_seedjob(self, body: Body) -> Body:
        """Make one SeedJob."""
        return await self.api.create(SEEDJOBS, body)

    async def start(self, subject: Subject) -> None:
        """Start what is measured."""
        surroundings = Surroundings(
            kubeconfig=self.kubeconfig, platform=self.platform, port=self._subject_port, plan=self._plan
        )
        await self.start_command(subject.name, subject.command, subject.environment(surroundings))

    async def start_command(
        self, name: str, command: Sequence[str | Path], environment: Mapping[str, str] | None = None
    ) -> None:
        """Start what is measured, by its command."""
        self.log = self._directory / f"{name}.log"
        self.started = time.time()
        before = set(psutil.Process().children())
        self._subject = self._guarded(name, command, environment or {})
        guard = next(iter(set(psutil.Process().children()) - before))
        await self.until(lambda: _true(guard.children()), seconds=_START_SECONDS, every=0.005)
        self._meter = Meter(guard.children()[0])

    def stop_subject(self) -> None:
        """Stop what is measured, as Kubernetes stops a pod."""
        if self._meter is not None:
            self._meter.stop()
        if self._subject is not None:
            self._subject.stop()
        self._subject = self._meter = None

    @property
    def meter(self) -> Meter:
        """What is measured, as a process."""
        if self._meter is None:
            raise RuntimeError("nothing is measured yet")
        return self._meter

    async def is_ready(self) -> bool:
        """Ask the operator itself."""
        return await self._answers(f"http://127.0.0.1:{self._subject_port}/readyz")

    async def mark(self) -> Mark:
        """Note what has been spent so far."""
        cpu = 0.0 if self._meter is None else self._meter.cpu()
        return Mark(time=time.time(), cpu=cpu, writes=await self.api.writes())

    async def until(self, condition: Callable[[], Awaitable[bool]], *, seconds: float, every: float = 0.05) -> bool:
        """Wait for a condition; False where it didn't come in time.

        Raises:
            DevClusterError: what is measured, or a part of the control plane, ended.
        """
        deadline = time.monotonic() + seconds
        while not await condition():
            self.check()
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(every)
        return True

    async def hold(self, seconds: float) -> None:
        """Let a while pass, with a look at the parts every second."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.check()
            await asyncio.sleep(min(left, 1.0))

    def check(self) -> None:
        """See that all runs.

        Raises:
            DevClusterError: something ended by itself.
        """
        self._control_plane.check()
        if self._subject is not None and (code := self._subject.poll()) is not None:
            raise DevClusterError(f"what is measured ended with exit code {code}; see {self.log}")

    def _start(self, name: str, command: Sequence[str | Path]) -> None:
        self._stack.callback(self._guarded(name, command, {}).stop)

    def _guarded(self, name: str, command: Sequence[str | Path], environment: Mapping[str, str]) -> GuardedProcess:
        clean = {key: value for key, value in os.environ.items() if not key.startswith(_PRIVATE)}
        with (self._directory / f"{name}.log").open("ab") as output:
            return GuardedProcess.start(
                command,
                output=output,
                errors=output,
                environment=clean | dict(environment),
                directory=_CHECKOUT,
                grace_seconds=_STOP_SECONDS,
            )

    async def _answers(self, address: str) -> bool:
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            async with self._http.get(address, timeout=aiohttp.ClientTimeout(total=5)) as answer:
                return answer.ok
        return False


async def _true(value: object) -> bool:
    return bool(value)
