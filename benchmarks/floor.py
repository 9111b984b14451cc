"""A yardstick: the least that any operator in Python does. A bare watch, and a bare number of writes for each SeedJob.

`python -m benchmarks.floor KUBECONFIG --metadata N --status N --events N --concurrency N [--platform URL]`: a list and a
watch; then for each object that is seen for the first time the given number of patches of its metadata and status and
of Events, of the usual sizes, one after the other, over so many connections. No rules, no record of what it did, no
conflicts. A number with a fraction holds on average. With a platform it also creates a remote job between the patches of the metadata and those of the status.
It prints `listed` and `done` with the time of day and the number of objects.
"""

import argparse
import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.apiserver import EVENTS, NAMESPACE, SEEDJOBS, ApiServer

_CONDITIONS = ("Submitted", "Complete", "Failed", "Suspended", "Synced", "Ready", "Reconciling", "Stalled")
_QUIET_SECONDS = 0.05


class Floor:
    """The work for all objects."""

    def __init__(self, api: ApiServer, options: argparse.Namespace) -> None:
        self._api = api
        self._options = options
        self._todo: asyncio.Queue[tuple[int, dict[str, Any]]] = asyncio.Queue()
        self._names: set[str] = set()
        self._done = 0
        self._platform: aiohttp.ClientSession | None = None

    async def run(self) -> None:
        """Work until cancelled."""
        if self._options.platform:
            self._platform = aiohttp.ClientSession(
                self._options.platform, headers={"Authorization": "Bearer benchmark"}
            )
        async with asyncio.TaskGroup() as group:
            for _ in range(self._options.concurrency):
                group.create_task(self._work())
            async for kind, body in self._api.follow(on_listed=self._on_listed):
                name = body["metadata"]["name"]
                if kind == "ADDED" and name not in self._names:
                    self._todo.put_nowait((len(self._names), body["metadata"]))
                    self._names.add(name)

    def _on_listed(self) -> None:
        _tell("listed", len(self._names))

    async def _work(self) -> None:
        while True:
            await self._write(*await self._todo.get())
            self._done += 1
            if self._done == len(self._names):
                _tell("done", self._done)

    async def _write(self, place: int, metadata: Mapping[str, Any]) -> None:
        name, uid = metadata["name"], metadata["uid"]
        path = f"{SEEDJOBS}/{name}"
        for number in range(_share(self._options.metadata, place)):
            await self._api.patch(path, {"metadata": {"annotations": {"seed.dev/floor": f"{number} {'x' * 400}"}}})
        if self._platform is not None:
            job = {"name": name, "command": "true", "gpu": "none", "image": "busybox"}
            async with self._platform.post("/auth/v1/seed/acme/jobs", json=job) as answer:
                await answer.read()
        for number in range(_share(self._options.status, place)):
            await self._api.patch(f"{path}/status", {"status": _status(name, uid, number)})
        for number in range(_share(self._options.events, place)):
            await self._api.create(EVENTS, _event(name, uid, number))


def _share(average: float, place: int) -> int:
    """Give the whole number for one of many, so that the average holds."""
    return int((place + 1) * average) - int(place * average)


def _status(name: str, uid: str, number: int) -> dict[str, Any]:
    """Give a status of the usual size."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    conditions = [
        {"type": kind, "status": "False", "reason": "Floor", "message": f"{number}", "lastTransitionTime": now}
        for kind in _CONDITIONS
    ]
    return {"jobName": f"{name}-1", "jobId": uid, "phase": "Queued", "observedGeneration": 1, "conditions": conditions}


def _event(name: str, uid: str, number: int) -> dict[str, Any]:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    about = {"apiVersion": "seed.dev/v1alpha1", "kind": "SeedJob", "name": name, "namespace": NAMESPACE, "uid": uid}
    return {
        "metadata": {"name": f"{name}.{number}.{uid[:8]}"},
        "involvedObject": about,
        "reason": "Submitted",
        "message": "The platform took the job in.",
        "type": "Normal",
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
        "source": {"component": "floor"},
    }


def _tell(what: str, count: int) -> None:
    print(f"{what} {time.time()} {count}", flush=True)


async def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kubeconfig", type=Path)
    for kind in ("metadata", "status", "events"):
        parser.add_argument(f"--{kind}", type=float, default=0.0)
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--platform")
    options = parser.parse_args()
    api = ApiServer.connect(options.kubeconfig, connections=options.concurrency + 1)
    await Floor(api, options).run()


if __name__ == "__main__":
    asyncio.run(_main())
