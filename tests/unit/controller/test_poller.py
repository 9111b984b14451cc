"""The list poll: whatever moves between its pages, no job is lost or believed gone."""

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from chance import draw_seed
from seedjob_operator.controller.clock import Clock
from seedjob_operator.controller.context import ControllerContext
from seedjob_operator.controller.keys import Key
from seedjob_operator.controller.leadership import Leadership
from seedjob_operator.controller.links import Link
from seedjob_operator.controller.observations import Observations
from seedjob_operator.controller.poller import Poller
from seedjob_operator.controller.queue import KeyQueue
from seedjob_operator.core.snapshot import MISSING
from seedjob_operator.seedapi.budget import Budget
from seedjob_operator.seedapi.client import SeedClient
from seedjob_operator.seedapi.wire import Job, JobPage
from unit.seedapi.answering import account
from unit.simulated import simulate


class Platform:
    """Jobs in memory, listed in pages; `between` runs after each request, as the world does."""

    def __init__(self, between: Callable[["Platform"], None] = lambda _: None, *, per_page: int = 100) -> None:
        self.per_page = per_page
        self.account = account()
        self.jobs: dict[str, dict[str, Any]] = {}
        self.requests: list[str] = []
        self.tick = 0
        self._between = between

    def add(self, name: str, status: str = "queued") -> None:
        self.tick += 1
        self.jobs[name] = {"id": f"job_{name}", "name": name, "status": status, "created": self.tick, "at": self.tick}

    def move(self, name: str, status: str) -> None:
        """The start that counts is the first try's; a job that is put back has its old place in the queue."""
        self.tick += 1
        job = self.jobs[name]
        if status == "running":
            job.setdefault("started", self.tick)
        job |= {"status": status, "at": self.tick}

    async def list_jobs(
        self, *, status: str | None = None, page: int = 1, sort: str = "", order: str = "asc", **_: Any
    ) -> JobPage:
        self.requests.append(f"list {status} {page}" if status else "list")
        by = {"created_at": "created", "started_at": "started", "completed_at": "at"}.get(sort, "created")
        found = [job for job in self.jobs.values() if job["status"] == status]
        found.sort(key=lambda job: job.get(by, job["at"]), reverse=order == "desc")
        part = found[(page - 1) * self.per_page : page * self.per_page]
        pages = -(-len(found) // self.per_page)
        answer = {"data": part, "pagination": {"page": page, "per_page": self.per_page, "total_pages": pages}}
        read = JobPage.model_validate(answer)
        self._between(self)
        return read

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
        self.budget = Budget()
        self.budget.configure(platform.account.credential, requests_per_minute=60, burst=10)
        self.link = Link(cast("SeedClient", platform), clock=Clock(), on_change=lambda _: None)
        self.link.proven = True
        context = ControllerContext(
            observations=self.observations,
            queue=self.queue,
            leadership=cast("Leadership", Held()),
            clock=Clock(),
            budget=self.budget,
        )
        self.poller = Poller(self.link, context)

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


def test_fewer_pages_where_fewer_suffice() -> None:
    """Two hundred running jobs: two pages a round, from the last to the first, and no look at the queue."""
    platform = Platform()
    round_ = Round(platform)
    for number in range(200):
        platform.add(f"j{number}", "queued")
        platform.move(f"j{number}", "running")
        round_.follow(f"j{number}")
    simulate(round_.once())
    platform.requests.clear()
    assert simulate(round_.once()) == 2
    assert platform.requests == ["list running 2", "list running 1"]


def test_hundreds_that_end_at_once_are_listed() -> None:
    """To read each would take minutes at 60 requests a minute; their ends come a hundred a request."""
    platform = Platform()
    round_ = Round(platform)
    for number in range(300):
        platform.add(f"j{number}", "running")
        round_.follow(f"j{number}")
    simulate(round_.once())
    for number in range(299):
        platform.move(f"j{number}", "failed" if number % 10 == 0 else "succeeded")
    platform.requests.clear()
    simulate(round_.once())
    assert len(platform.requests) <= 8
    for number in range(299):
        remote = round_.remote(f"j{number}")
        assert isinstance(remote, Job)
        assert remote.status.terminal
    key = Key("ns", "j1")
    assert round_.observations.get(key, uid="j1").end_listed, "a list says less than a read, which is still to come"
    round_.observations.read(key, Job.model_validate(platform.jobs["j1"]), now=datetime.now(UTC))
    assert not round_.observations.get(key, uid="j1").end_listed


def test_a_page_from_before_the_end_takes_nothing_back() -> None:
    """A pass may have read the end by name while the page was on its way."""
    platform = Platform()
    round_ = Round(platform)
    platform.add("a", "running")
    key = round_.follow("a")
    running = Job.model_validate(platform.jobs["a"])
    platform.move("a", "succeeded")
    round_.observations.listed(key, Job.model_validate(platform.jobs["a"]))
    assert not round_.observations.listed(key, running)
    remote = round_.remote("a")
    assert isinstance(remote, Job)
    assert remote.status.terminal


@pytest.mark.parametrize("requeues", [False, True])
def test_pages_that_shift_lose_nothing(requeues: bool) -> None:
    """Jobs start, end and are put back between any two pages. Pages are small here, so that many jobs cross them.

    Without retries by the platform an active job is never even missing; with them it may be, and then one read finds it.
    """
    first = draw_seed()
    for seed in range(first, first + 1000):
        _replay(random.Random(seed), f"seed {seed}", requeues=requeues)


def _replay(history: random.Random, seed: str, *, requeues: bool) -> None:
    busy = history.choice((1, 3, 8))

    def between(platform: Platform) -> None:
        for _ in range(history.randrange(busy + 1)):
            name = history.choice(list(platform.jobs))
            status = platform.jobs[name]["status"]
            if status == "queued":
                platform.move(name, "running")
            elif status == "running":
                back = requeues and history.random() < 0.4
                platform.move(name, "queued" if back else history.choice(("succeeded", "failed")))

    platform = Platform(between, per_page=history.choice((1, 2, 5)))
    round_ = Round(platform)
    for number in range(history.randrange(2, 25)):
        platform.add(f"j{number}", "queued")
        round_.follow(f"j{number}")
    for name in list(platform.jobs)[: history.randrange(len(platform.jobs))]:
        platform.move(name, "running")
    for _ in range(3):
        _one_round(platform, round_, seed, requeues=requeues)


def _one_round(platform: Platform, round_: Round, seed: str, *, requeues: bool) -> None:
    active_before = {name for name, job in platform.jobs.items() if job["status"] in ("queued", "running")}
    simulate(round_.once())
    for name, job in platform.jobs.items():
        active, remote = job["status"] in ("queued", "running"), round_.remote(name)
        if remote is MISSING:
            assert requeues or not active, f"{seed}: {name} is {job['status']} and was believed gone"
            read = simulate(platform.get_job(name))  # as a pass does before it believes anything
            round_.observations.read(Key("ns", name), read, now=datetime.now(UTC))
        elif not active and name not in active_before:
            assert isinstance(remote, Job), f"{seed}: {name} is unknown"
            assert remote.status.terminal, f"{seed}: the end of {name} was lost"
