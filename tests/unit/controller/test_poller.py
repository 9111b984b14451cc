"""The list poll: whatever moves between its pages, no job is lost or believed gone."""

import asyncio
import random
from collections.abc import Callable
from typing import Any, cast

from seedjob_operator.controller.clock import Clock
from seedjob_operator.controller.keys import Key
from seedjob_operator.controller.leadership import Leadership
from seedjob_operator.controller.links import Link
from seedjob_operator.controller.observations import Observations
from seedjob_operator.controller.poller import Poller
from seedjob_operator.controller.queue import KeyQueue
from seedjob_operator.core.snapshot import MISSING
from seedjob_operator.seedapi.client import SeedClient
from seedjob_operator.seedapi.wire import Job, JobPage
from unit.simulated import simulate


class Platform:
    """Jobs in memory, listed in pages; `between` runs after each request, as the world does."""

    def __init__(self, between: Callable[["Platform"], None] = lambda _: None) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self.requests: list[str] = []
        self.tick = 0
        self._between = between

    def add(self, name: str, status: str = "queued") -> None:
        self.tick += 1
        self.jobs[name] = {"id": f"job_{name}", "name": name, "status": status, "at": self.tick}

    def move(self, name: str, status: str) -> None:
        self.tick += 1
        self.jobs[name] |= {"status": status, "at": self.tick}

    async def list_jobs(self, *, status: str | None = None, page: int = 1, per_page: int = 100, **_: Any) -> JobPage:
        self.requests.append("list")
        found = sorted((job for job in self.jobs.values() if job["status"] == status), key=lambda job: job["at"])
        part = found[(page - 1) * per_page : page * per_page]
        pages = max(1, -(-len(found) // per_page))
        answer = {"data": part, "pagination": {"page": page, "per_page": per_page, "total_pages": pages}}
        self._between(self)
        return JobPage.model_validate(answer)

    async def get_job(self, name: str, **_: Any) -> Job:
        self.requests.append("get")
        return Job.model_validate(self.jobs[name])


class Held:
    held = True


class Round:
    """One poller with its observations."""

    def __init__(self, platform: Platform) -> None:
        self.observations = Observations(currency="USD")
        self.queue = KeyQueue()
        self.link = Link(cast("SeedClient", platform), clock=Clock(), on_change=lambda _: None)
        self.link.proven = True
        self.poller = Poller(
            self.link,
            observations=self.observations,
            queue=self.queue,
            leadership=cast("Leadership", Held()),
            clock=Clock(),
            requests_per_minute=60,
        )

    def follow(self, name: str) -> Key:
        key = Key("ns", name)
        self.observations.put(key, self.observations.get(key, uid=name), uid=name)
        self.link.follow(key, name)
        return key

    def remote(self, name: str) -> object:
        return self.observations.get(Key("ns", name), uid=name).remote

    async def once(self) -> int:
        return await self.poller._round()


def test_one_job_is_simply_read() -> None:
    """Two lists for one job would be one request too many."""
    platform = Platform()
    platform.add("only", "running")
    round_ = Round(platform)
    round_.follow("only")
    assert simulate(round_.once()) == 1
    assert platform.requests == ["get"]


def test_only_news_wakes_a_key() -> None:
    """Steady jobs cost list requests, and no passes."""
    platform = Platform()
    round_ = Round(platform)
    for name in ("a", "b"):
        platform.add(name, "running")
        round_.follow(name)
    simulate(round_.once())
    assert len(round_.queue) == 2, "first seen"
    simulate(_drain(round_.queue))
    simulate(round_.once())
    assert len(round_.queue) == 0
    platform.jobs["a"]["progress"] = "50 %"
    simulate(round_.once())
    assert len(round_.queue) == 1


async def _drain(queue: KeyQueue) -> None:
    while len(queue):
        queue.done(await queue.get())


def test_an_ended_job_is_found_by_its_absence() -> None:
    """Ended jobs are in none of the lists; a get then says how it ended."""
    platform = Platform()
    round_ = Round(platform)
    for name in ("a", "b", "c"):
        platform.add(name, "running")
        round_.follow(name)
    simulate(round_.once())
    platform.move("b", "succeeded")
    simulate(round_.once())
    assert round_.remote("b") is MISSING
    assert isinstance(round_.remote("a"), Job)


def test_what_was_submitted_during_a_round_is_not_missing() -> None:
    """It may have come to the platform after its page was read."""
    round_: Round

    def submit_late(platform: Platform) -> None:
        if "late" not in platform.jobs:
            platform.add("late")
            round_.follow("late")

    platform = Platform(between=submit_late)
    round_ = Round(platform)
    for name in ("a", "b"):
        platform.add(name, "running")
        round_.follow(name)
    simulate(round_.once())
    assert round_.remote("late") is not MISSING


def test_an_idle_connection_is_not_polled() -> None:
    """Nothing active: one short list tells that the platform answers us, and that every five minutes."""

    async def play() -> None:
        platform = Platform()
        round_ = Round(platform)
        task = asyncio.create_task(round_.poller.run())
        await asyncio.sleep(1000)
        task.cancel()
        assert 3 <= len(platform.requests) <= 5

    simulate(play())


def test_pages_that_shift_lose_nothing() -> None:
    """Jobs start and end between any two pages; an active one is never believed gone. Seeds are printed."""
    for seed in range(200):
        print(f"seed {seed}")
        _replay(random.Random(seed))


def _replay(history: random.Random) -> None:
    def between(platform: Platform) -> None:
        for _ in range(history.randrange(12)):
            name = history.choice(list(platform.jobs))
            status = platform.jobs[name]["status"]
            if status == "queued":
                first = min(
                    (job for job in platform.jobs.values() if job["status"] == "queued"), key=lambda job: job["at"]
                )
                platform.move(first["name"], "running")
            elif status == "running":
                platform.move(name, "succeeded")

    platform = Platform(between)
    round_ = Round(platform)
    for number in range(history.randrange(2, 450)):
        platform.add(f"j{number}", "queued")
        round_.follow(f"j{number}")
    for name in list(platform.jobs)[: history.randrange(len(platform.jobs))]:
        platform.move(name, "running")
    for _ in range(3):
        simulate(round_.once())
        for name, job in platform.jobs.items():
            if job["status"] in ("queued", "running"):
                assert isinstance(round_.remote(name), Job), f"{name} is {job['status']} and was believed gone"
