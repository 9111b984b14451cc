"""A SeedConnection's status is written when a condition flips, and else rarely: its times and counts can wait."""

import dataclasses
from datetime import datetime, timedelta
from typing import Any

import pytest

from seedjob_operator.controller.clock import Clock
from seedjob_operator.controller.connection_status import ConnectionStatus
from seedjob_operator.controller.keys import Key
from seedjob_operator.controller.links import Link
from seedjob_operator.controller.store import Store
from unit.controller.world import Objects
from unit.core import given
from unit.simulated import simulate

ACME, JOB = Key("ns", "acme"), Key("ns", "a")


class _Clock(Clock):
    def __init__(self) -> None:
        self.time = given.NOW

    def now(self) -> datetime:
        return self.time


class _Client:
    rate_limit = None


class _Connections:
    def __init__(self, link: Link) -> None:
        self._link = link

    async def named(self, key: Key) -> object:
        return object()

    def open(self, way: object) -> Link:
        return self._link


class World:
    """A SeedConnection whose account answers, and a clock that is turned by hand."""

    def __init__(self) -> None:
        self.clock, self.objects, self.store = _Clock(), Objects(), Store()
        client: Any = _Client()
        self.link = Link(client, clock=self.clock, on_change=lambda _: None)
        self.link.proven = True
        parts: Any = {"seedconnections": self.objects, "connections": _Connections(self.link)}
        self._status = ConnectionStatus(store=self.store, clock=self.clock, jobs=Store(), **parts)
        metadata = {"name": "acme", "namespace": "ns", "uid": "c1", "resourceVersion": "1", "generation": 1}
        self.store.put(self.objects.put({"metadata": metadata, "spec": {}, "status": {}}))

    async def writes(self, seconds: float) -> int:
        """Have it brought up to date every five seconds for a while, and count what is written."""
        before, until = self._version, self.clock.time + timedelta(seconds=seconds)
        while self.clock.time < until:
            await self._status.refresh(ACME)
            self.clock.time += timedelta(seconds=5)
        return self._version - before

    @property
    def _version(self) -> int:
        return int(self.objects.live[ACME]["metadata"]["resourceVersion"])

    @property
    def ready(self) -> tuple[str, str]:
        (found,) = [one for one in self.objects.live[ACME]["status"]["conditions"] if one["type"] == "Ready"]
        return found["status"], found["reason"]


def test_an_idle_connection_is_written_once() -> None:
    """Kubernetes is shared: that it still answers is no news."""

    async def test() -> None:
        world = World()
        assert await world.writes(3600) == 1
        assert world.ready == ("True", "Synced")

    simulate(test())


def test_while_jobs_are_active_it_is_written_every_five_minutes() -> None:
    async def test() -> None:
        world = World()
        world.link.follow(JOB, "j")
        assert await world.writes(3600) == 12
        assert world.objects.live[ACME]["status"]["activeJobs"] == 1
        world.link.unfollow(JOB)
        assert await world.writes(3600) == 1, "the last one's end"
        assert world.objects.live[ACME]["status"]["activeJobs"] == 0

    simulate(test())


@pytest.mark.parametrize("was_reached", [True, False])
def test_while_the_platform_is_away_nothing_more_is_written(was_reached: bool) -> None:
    """However long it takes, also where it was never there: when it last answered doesn't change."""

    async def test() -> None:
        world = World()
        world.link.follow(JOB, "j")
        await world.writes(600 if was_reached else 0)
        world.link.fault = given.fault()
        assert await world.writes(3600) == 1, "that it is away"
        world.link.unfollow(JOB)
        assert await world.writes(3600) == 1, "the last one's end"
        assert world.objects.live[ACME]["status"]["activeJobs"] == 0

    simulate(test())


def test_a_flip_is_written_at_once_and_once() -> None:
    """Also where the refusal's words tell of ever new seconds to wait."""

    async def test() -> None:
        world = World()
        await world.writes(60)
        world.link.fault = given.fault()
        assert await world.writes(5) == 1
        assert world.ready == ("False", "PlatformUnavailable")
        for seconds in range(30, 0, -5):
            world.link.fault = dataclasses.replace(given.fault(), message=f"It failed; wait for {seconds} s.")
            assert await world.writes(5) == 0
        world.link.fault = None
        assert await world.writes(5) == 1

    simulate(test())
