"""1,000 jobs on 60 requests a minute, in simulated time, on platforms that count in each of the ways that there are.

The budget, the client and the poll are the real ones; the passes are played by a few lines. The figures are exact: there
is no other clock than the simulation's, so they may be asserted.
"""

import asyncio
import itertools
import json
import random
from collections import deque
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import httpx
import pytest

from seedjob_operator.controller.clock import Clock
from seedjob_operator.controller.context import ControllerContext
from seedjob_operator.controller.keys import Key
from seedjob_operator.controller.leadership import Leadership
from seedjob_operator.controller.links import Link
from seedjob_operator.controller.observations import Observations
from seedjob_operator.controller.poller import Poller
from seedjob_operator.controller.queue import KeyQueue
from seedjob_operator.controller.sampling import Sampler
from seedjob_operator.core.snapshot import MISSING, Sent
from seedjob_operator.seedapi.budget import Budget
from seedjob_operator.seedapi.client import SeedClient
from seedjob_operator.seedapi.errors import SeedError
from seedjob_operator.seedapi.wire import CreateJob
from unit.seedapi.answering import account
from unit.simulated import simulate

PER_MINUTE, BURST = 60, 10
ROUND_TRIP = (0.02, 0.4)
Verdict = tuple[bool, int, float]
"""Whether a request may pass, how many are left, and after how many seconds to come again."""


def sliding() -> Callable[[float], Verdict]:
    passed: deque[float] = deque()

    def check(now: float) -> Verdict:
        while passed and passed[0] <= now - 60.0:
            passed.popleft()
        full = len(passed) >= PER_MINUTE
        crowded = len(passed) >= BURST and passed[-BURST] > now - 1.0
        if full or crowded:
            return False, PER_MINUTE - len(passed), passed[0] + 60.0 - now if full else 1.0
        passed.append(now)
        return True, PER_MINUTE - len(passed), 0.0

    return check


def fixed() -> Callable[[float], Verdict]:
    minutes: dict[int, int] = {}

    def check(now: float) -> Verdict:
        minute = int(now // 60.0)
        used = minutes.get(minute, 0)
        if used >= PER_MINUTE:
            return False, 0, (minute + 1) * 60.0 - now
        minutes[minute] = used + 1
        return True, PER_MINUTE - used - 1, 0.0

    return check


def bucket() -> Callable[[float], Verdict]:
    tokens, at = float(BURST), 0.0

    def check(now: float) -> Verdict:
        nonlocal tokens, at
        tokens, at = min(tokens + (now - at) * PER_MINUTE / 60.0, float(BURST)), now
        if tokens < 1.0:
            return False, 0, 1.0 - tokens
        tokens -= 1.0
        return True, int(tokens), 0.0

    return check


ALGORITHMS = {"bucket": bucket, "fixed": fixed, "sliding": sliding}


class SimulatedClock(Clock):
    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def now(self) -> datetime:
        return datetime(2025, 3, 1, tzinfo=UTC) + timedelta(seconds=self.monotonic())


class Platform:
    """Runs each job at once and for ever, and refuses what is over the plan."""

    def __init__(self, check: Callable[[float], Verdict], *, headers: bool, dice: random.Random) -> None:
        self._check, self._headers, self._dice = check, headers, dice
        self.jobs: dict[str, dict[str, Any]] = {}
        self.ended_at: dict[str, float] = {}
        self.refused: list[float] = []
        self.requests = 0
        self.sampled: dict[str, list[float]] = {}
        self.without_analytics: dict[str, int] = {}
        """What the analytics of some jobs are answered with."""

    def run(self, name: str) -> dict[str, Any]:
        at = f"2025-03-01T00:00:00.{len(self.jobs):06d}Z"
        self.jobs[name] = {"id": f"job_{name}", "name": name, "status": "running", "created_at": at, "started_at": at}
        return self.jobs[name]

    def end(self, name: str) -> None:
        self.jobs[name]["status"] = "succeeded"
        self.ended_at[name] = asyncio.get_running_loop().time()

    async def answer(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(self._dice.uniform(*ROUND_TRIP) / 2)
        now = asyncio.get_running_loop().time()
        self.requests += 1
        passes, left, wait = self._check(now)
        answer = self._serve(request) if passes else httpx.Response(429, json={})
        if self._headers:
            answer.headers.update({"x-ratelimit-limit": str(PER_MINUTE), "x-ratelimit-remaining": str(left)})
        if not passes:
            self.refused.append(now)
            answer.headers["retry-after"] = str(max(1, round(wait + 0.5)))
        await asyncio.sleep(self._dice.uniform(*ROUND_TRIP) / 2)
        return answer

    def _serve(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(201, json=self.run(json.loads(request.content)["name"]))
        if request.url.path.endswith("/analytics"):
            name = request.url.path.rsplit("/", 2)[1]
            if name not in self.ended_at:
                self.sampled.setdefault(name, []).append(asyncio.get_running_loop().time())
            if name in self.without_analytics:
                return httpx.Response(self.without_analytics[name], json={})
            return httpx.Response(200, json={"summary": {}, "series": []})
        if request.url.path.endswith("/jobs"):
            return httpx.Response(200, json=self._page(request.url.params))
        return httpx.Response(200, json=self.jobs[request.url.path.rsplit("/", 1)[1]])

    def _page(self, asked: httpx.QueryParams) -> dict[str, Any]:
        found = [job for job in self.jobs.values() if job["status"] == asked.get("status")]
        page, per_page = int(asked["page"]), int(asked["per_page"])
        told = {"page": page, "per_page": per_page, "total_pages": -(-len(found) // per_page)}
        return {"data": found[(page - 1) * per_page : page * per_page], "pagination": told}


class Seen(Observations):
    """Notes when each job was last seen."""

    def __init__(self) -> None:
        super().__init__(currency="USD")
        self.at: dict[str, float] = {}

    def listed(self, key: Key, job: Any) -> bool:
        self.at[key.name] = asyncio.get_running_loop().time()
        return super().listed(key, job)

    def read(self, key: Key, job: Any, *, now: datetime) -> bool:
        self.at[key.name] = asyncio.get_running_loop().time()
        return super().read(key, job, now=now)


class World:
    """One account, its poll, and passes of a few lines each."""

    def __init__(self, platform: Platform, *, samples: bool) -> None:
        loop = asyncio.get_running_loop()
        self.platform, self.seen, self.queue, self.clock = platform, Seen(), KeyQueue(), SimulatedClock()
        self.budget = Budget(clock=loop.time)
        me = account()
        self.budget.configure(me.credential, requests_per_minute=PER_MINUTE, burst=BURST)
        self.client = SeedClient(me, self.budget, transport=httpx.MockTransport(platform.answer), clock=self.clock.now)
        self.link = Link(self.client, clock=self.clock, on_change=lambda _: None)
        self.link.proven = True
        self.ages: list[float] = []
        self._tasks: list[asyncio.Task[None]] = []
        leads = cast("Leadership", type("Leads", (), {"held": True}))
        context = ControllerContext(
            observations=self.seen,
            queue=self.queue,
            leadership=leads,
            clock=self.clock,
            budget=self.budget,
        )
        self.start(Poller(self.link, context).run())
        if samples:
            self.start(Sampler(self.link, context).run())
        self.start(self._follow_up())
        self.start(self._watch())

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(work))

    def stop(self) -> None:
        for task in self._tasks:
            assert not task.done() or task.exception() is None
            task.cancel()

    def follow(self, name: str) -> None:
        key = Key("ns", name)
        self.seen.put(key, self.seen.get(key, uid=name)._replace(sent=Sent.CREATED), uid=name)
        self.seen.at[name] = self.clock.monotonic()
        self.link.follow(key, name)

    async def submit(self, names: list[str]) -> None:
        while names:
            name = names.pop()
            try:
                await self.client.create_job(CreateJob(name=name, command="c", image="i", gpu="none"))
            except SeedError:
                names.append(name)
                await asyncio.sleep(2.0)
            else:
                self.follow(name)

    async def _follow_up(self) -> None:
        """Read what is missing by name, as passes do, and once more what ended: its analytics."""
        while True:
            key = await self.queue.get()
            self.queue.done(key)
            if self.seen.remote(key) is MISSING:
                self.start(self._read(key))

    async def _read(self, key: Key) -> None:
        try:
            job = await self.client.get_job(key.name)
            self.seen.read(key, job, now=self.clock.now())
            if job.status.terminal:
                self.link.unfollow(key)
                await self.client.get_analytics(key.name)
        except SeedError:
            await asyncio.sleep(5.0)
            self.queue.add(key)

    async def _watch(self) -> None:
        """Note each second how old each status is."""
        while True:
            await asyncio.sleep(1.0)
            now = self.clock.monotonic()
            self.ages += [now - self.seen.at[key.name] for key in tuple(self.link.followed)]

    def p99(self) -> float:
        return sorted(self.ages)[int(len(self.ages) * 0.99)]


def play(
    algorithm: str, *, headers: bool, story: Callable[[World], Coroutine[Any, Any, None]], samples: bool = True
) -> None:
    seed = 6
    random.seed(seed)  # the poll's jitter; with it the whole story is the same each time

    async def told() -> None:
        platform = Platform(ALGORITHMS[algorithm](), headers=headers, dice=random.Random(seed))
        world = World(platform, samples=samples)
        try:
            await story(world)
        finally:
            world.stop()

    simulate(told())


VARIANTS = [(algorithm, headers) for algorithm in sorted(ALGORITHMS) for headers in (False, True)]


@pytest.mark.parametrize(("algorithm", "headers"), VARIANTS)
def test_a_thousand_long_jobs_created_at_once(algorithm: str, headers: bool) -> None:
    """At least 240 after five minutes, hardly a 429, and what was submitted stays fresh meanwhile."""

    async def story(world: World) -> None:
        names = [f"j{number}" for number in range(1000)]
        for _ in range(16):
            world.start(world.submit(names))
        await asyncio.sleep(300.0)
        figures = f"{len(world.platform.jobs)} jobs, {len(world.platform.refused)} refused, p99 {world.p99():.0f} s"
        print(figures)
        assert len(world.platform.jobs) >= 240, figures
        assert len(world.platform.refused) < 10, figures
        assert world.p99() < 60.0, figures

    play(algorithm, headers=headers, story=story)


@pytest.mark.parametrize(("algorithm", "headers"), VARIANTS)
def test_a_thousand_active_jobs_stay_fresh(algorithm: str, headers: bool) -> None:
    """Every status under a minute old while ten jobs a minute end and ten come, and no 429 after the first minute."""

    async def story(world: World) -> None:
        for number in range(1000):
            world.platform.run(f"j{number}")
            world.follow(f"j{number}")
        await asyncio.sleep(60.0)
        world.ages.clear()
        for number in range(40):
            world.platform.end(f"j{(number * 37) % 1000}")
            world.start(world.submit([f"new{number}"]))
            await asyncio.sleep(6.0)
        began = 1000.0
        late = [at for at in world.platform.refused if at > began + 60.0]
        figures = f"{world.platform.requests} requests, {len(late)} refused late, p99 {world.p99():.0f} s"
        print(figures)
        assert world.p99() < 60.0, figures
        assert not late, figures
        assert world.platform.requests * 100 < 1000 * 300 / 5, "a get each 5 s would be a hundred times as many"
        ended = {f"j{(number * 37) % 1000}" for number in range(28)}
        assert not ended & {key.name for key in world.link.followed}, "the ends of the first minutes are known"

    play(algorithm, headers=headers, story=story)


def test_running_jobs_show_their_analytics() -> None:
    """Each every five minutes where the plan has that to spare, and the lists are read as often as without."""
    minutes = 20

    async def story(world: World) -> None:
        for number in range(40):
            world.platform.run(f"j{number}")
            world.follow(f"j{number}")
        await asyncio.sleep(60.0 * minutes)
        sampled = world.platform.sampled
        assert len(sampled) == 40
        assert {len(times) for times in sampled.values()} <= {minutes // 5 - 1, minutes // 5}
        gaps = [after - before for times in sampled.values() for before, after in itertools.pairwise(times)]
        assert min(gaps) > 299.0, "at most every five minutes a job, but for the time on the way"
        assert max(world.ages) < 5.0, "a round of one page is due every two seconds"
        assert not world.platform.refused

    play("sliding", headers=True, story=story)


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_a_job_without_analytics_takes_nothing_from_the_others(status: int) -> None:
    """Its turn comes every five minutes like theirs; asked for at once again, it would stand before them for good."""

    async def story(world: World) -> None:
        for number in range(20):
            world.platform.run(f"j{number}")
            world.follow(f"j{number}")
        world.platform.without_analytics["j0"] = status
        await asyncio.sleep(60.0 * 20)  # of the simulated clock, which waits for nobody
        times = {name: len(sampled) for name, sampled in world.platform.sampled.items()}
        assert set(times.values()) <= {3, 4}, times
        assert len(times) == 20, times

    play("sliding", headers=True, story=story)


def test_analytics_of_running_jobs_take_what_is_left_over() -> None:
    """A thousand jobs, some of which end while others come: their lists are as fresh as if no analytics were read."""
    ages: dict[bool, float] = {}

    async def story(world: World) -> None:
        for number in range(1000):
            world.platform.run(f"j{number}")
            world.follow(f"j{number}")
        for number in range(60):
            world.platform.end(f"j{(number * 37) % 1000}")
            world.start(world.submit([f"new{number}"]))
            await asyncio.sleep(6.0)
        ages[bool(world.platform.sampled)] = sum(world.ages) / len(world.ages)
        assert not world.platform.refused

    for samples in (False, True):
        play("sliding", headers=True, story=story, samples=samples)
    print(ages)
    assert ages[True] < 1.1 * ages[False]
