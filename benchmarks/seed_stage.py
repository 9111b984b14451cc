"""A local Seed server of its own process, to be measured from this one."""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from seedjob_operator.seedapi import wire

NAMESPACE = "bench"
TOKEN = "bench-token"  # noqa: S105  # of a server that lives for one measurement
LEAST = {"gpu": "none", "image": "x", "cpu": 2, "memory_gb": 8}
"""The smallest job."""
_LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class Answer:
    """A status and what was said."""

    status: int
    body: Any


@dataclass(frozen=True)
class Seed:
    """The server, and what a client asks of it."""

    url: str
    data: Path
    process: psutil.Process
    http: aiohttp.ClientSession

    async def ask(
        self, method: str, template: str, name: str = "", *, body: object = None, query: Mapping[str, Any] | None = None
    ) -> Answer:
        """Send a request for an operation."""
        where = self.url + wire.path(template, namespace=NAMESPACE, name=name)
        async with self.http.request(method, where, json=body, params=query) as answer:
            return Answer(answer.status, await answer.json() if answer.content_type == "application/json" else None)

    async def create(self, name: str, command: str, **fields: Any) -> Answer:
        """Create a small job."""
        return await self.ask("POST", wire.CREATE_JOB, body={"name": name, "command": command} | LEAST | fields)

    async def count(self, status: str) -> int:
        """Count the jobs of a status."""
        answer = await self.ask("GET", wire.LIST_JOBS, query={"status": status, "per_page": 1})
        return int(answer.body["pagination"]["total"])

    async def until_none_is_active(self) -> None:
        """Wait until all jobs have ended."""
        while await self.count("queued") or await self.count("running"):  # noqa: ASYNC110  # as below
            await asyncio.sleep(_LOOK_SECONDS)

    async def until_running(self, jobs: int) -> None:
        """Wait until so many jobs run."""
        while await self.count("running") < jobs:  # noqa: ASYNC110  # it is another process that is waited for
            await asyncio.sleep(_LOOK_SECONDS)

    async def control(self, path: str) -> Any:
        """Read from the control interface."""
        async with self.http.get(f"{self.url}/_control/{path}") as answer:
            return await answer.json()

    def cpu_seconds(self) -> float:
        """Give the CPU time of the server so far, without its jobs."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def megabytes(self) -> float:
        """Give the server's resident size."""
        return float(self.process.memory_info().rss) / 1e6


@contextlib.asynccontextmanager
async def seed_server(data: Path, *flags: str) -> AsyncIterator[Seed]:
    """Run a server on a free port for as long as the block lasts; its jobs end with it."""
    own = ["--listen", "127.0.0.1:0", "--data", str(data), "--namespace", NAMESPACE, "--token", TOKEN]
    own += ["--plan", "unlimited", "--containers", "never", "--enable-faults", "--grace-seconds", "2"]
    command = [sys.executable, "-m", "seedjob_operator.seedserver", *own, "--on-stop", "end", *flags]
    data.parent.mkdir(parents=True, exist_ok=True)
    with (data.parent / "server.log").open("ab") as log:
        process = await asyncio.to_thread(_start, command, log)
    output = process.stdout
    assert output is not None  # noqa: S101  # it was asked for
    try:
        words = await asyncio.to_thread(output.readline)
        url = words.decode().split(" listening on ")[1].split(" ")[0]
        connector, patience = aiohttp.TCPConnector(limit=0), aiohttp.ClientTimeout(total=600)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with aiohttp.ClientSession(connector=connector, timeout=patience, headers=headers) as http:
            yield Seed(url, data, psutil.Process(process.pid), http)
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait)
        output.close()


def _start(command: Sequence[str], log: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
