"""The independent watcher: `python -m benchmarks.watcher KUBECONFIG PORT` notes when each change of a status was to be seen.

It knows nothing of how an operator works: `status.jobId`, `phase` and `progress.message` are what users see. It answers
`/state` (how many objects are in which state) and `/observations` (what it saw, with the times).
"""

import asyncio
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from aiohttp import web

from benchmarks.apiserver import ApiServer
from benchmarks.jobs import progress_step

Seen = tuple[bool, str | None, int | None]


class Watcher:
    """What was seen of all SeedJobs."""

    def __init__(self) -> None:
        self._seen: dict[str, Seen] = {}
        self._observations: list[tuple[float, str, str | None, str | None, int | None]] = []
        self._phases: Counter[str] = Counter()
        self._submitted = 0
        self._last = 0.0
        self._listed = False

    async def follow(self, api: ApiServer) -> None:
        """Note what is to be seen, until cancelled."""
        async for kind, body in api.follow(on_listed=self._on_listed):
            self._take(kind, body, time.time())

    def _on_listed(self) -> None:
        self._listed = True

    def _take(self, kind: str, body: dict[str, Any], now: float) -> None:
        name, status = body["metadata"]["name"], body.get("status") or {}
        before = self._seen.pop(name, None)
        if before is not None:
            self._count(before, -1)
        if kind == "DELETED":
            self._last = now
            return
        seen = ("jobId" in status, status.get("phase"), progress_step((status.get("progress") or {}).get("message")))
        self._seen[name] = seen
        self._count(seen, 1)
        if seen != before:
            self._last = now
            self._observations.append((now, name, status.get("jobName"), seen[1], seen[2]))

    def _count(self, seen: Seen, by: int) -> None:
        self._submitted += by * seen[0]
        self._phases[seen[1] or "none"] += by

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer the benchmark."""
        if request.path == "/observations":
            return web.json_response(self._observations)
        return web.json_response(
            {
                "listed": self._listed,
                "objects": len(self._seen),
                "submitted": self._submitted,
                "phases": {phase: count for phase, count in self._phases.items() if count},
                "last": self._last,
            }
        )


async def main(kubeconfig: Path, port: int) -> None:
    """Watch and serve until cancelled."""
    watcher = Watcher()
    runner = web.ServerRunner(web.Server(watcher.answer, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await watcher.follow(ApiServer.connect(kubeconfig))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
