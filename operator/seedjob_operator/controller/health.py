"""Health: what is ready, which loops still beat, and the endpoint that tells.

`/healthz` fails only for what a restart mends: a loop of ours that stopped. `/readyz` is about having begun well; later
outages are told by conditions and metrics, because an operator that is not ready does nothing better.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aiohttp import web

from seedjob_operator import metrics
from seedjob_operator.controller.clock import Clock

_log = logging.getLogger(__name__)
BEAT_LIMIT = 90.0
"""Seconds without a beat after which a loop counts as stopped, where the loop itself names no other."""


class PortInUseError(Exception):
    """The port of the endpoint isn't free."""


class Health:
    """Conditions for readiness, and beats of the loops."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: dict[str, str] = {}
        self._arrived: set[str] = set()
        self._beats: dict[str, tuple[float, float]] = {}

    def wait_for(self, name: str, why: str) -> None:
        """Be not ready because of something, unless that has arrived once: later outages don't turn it."""
        if name not in self._arrived:
            self._waiting[name] = why

    def arrived(self, name: str) -> None:
        """Be ready as far as this goes; it doesn't turn again."""
        self._arrived.add(name)
        if self._waiting.pop(name, None) is not None and not self._waiting:
            _log.info("ready")

    def beat(self, name: str, *, limit: float = BEAT_LIMIT) -> None:
        """Say that a loop runs, and for how many seconds that may be true."""
        self._beats[name] = (self._clock.monotonic(), limit)

    def unready(self) -> list[str]:
        """Say what readiness waits for."""
        return [f"{name}: {why}" for name, why in self._waiting.items()]

    def stopped(self) -> list[str]:
        """Name the loops that don't beat any more."""
        now = self._clock.monotonic()
        return [f"{name} stopped" for name, (beat, limit) in self._beats.items() if now - beat > limit]


async def beat_while(health: Health, name: str, every: float = 10.0) -> None:
    """Beat for the event loop itself: it stands still where something blocks it."""
    while True:
        health.beat(name)
        await asyncio.sleep(every)


async def serve(health: Health, *, address: str, port: int) -> web.AppRunner:
    """Serve `/metrics`, `/healthz` and `/readyz`; the caller cleans the runner up.

    Raises:
        PortInUseError: the port isn't free.
    """
    app = web.Application()
    app.router.add_get("/metrics", _metrics)
    app.router.add_get("/healthz", _check(health.stopped))
    app.router.add_get("/readyz", _check(health.unready))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, address, port).start()
    except OSError as error:
        await runner.cleanup()
        raise PortInUseError(
            f"METRICS_PORT: {address}:{port} can't be used ({error.strerror}); name another"
        ) from error
    for host, bound, *_ in runner.addresses:
        _log.info("metrics and health on %s:%s", host, bound)
    return runner


async def _metrics(_: web.Request) -> web.Response:
    return web.Response(body=metrics.render(), headers={"Content-Type": metrics.CONTENT_TYPE})


def _check(problems: Callable[[], list[str]]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(_: web.Request) -> web.Response:
        found = problems()
        return web.Response(text="\n".join(found or ["ok"]) + "\n", status=503 if found else 200)

    return answer
