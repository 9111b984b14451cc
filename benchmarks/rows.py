"""The rows: what each sets up, waits for and measures."""

import asyncio
import dataclasses
import random
import time
from collections.abc import Awaitable, Callable
from functools import partial

from benchmarks import measuring
from benchmarks.apiserver import SEEDJOBS, at_once, manifest
from benchmarks.jobs import Script
from benchmarks.population import populate
from benchmarks.result import Result
from benchmarks.stage import Mark, Stage
from benchmarks.staleness import percentile
from benchmarks.subjects import UNLIMITED, Subject

_START_SECONDS = 5.0
_AFTERMATH_SECONDS = 3.0
_UP_SECONDS = 120.0
_WINDOW = "window"
_LONGEST_SECONDS = 900.0
_ACTIVE_PROGRESS_SECONDS = 30.0

Measure = Callable[[Stage, Subject, int, "Row"], Awaitable[Result]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One row.

    Attributes:
        about: what it measures, for people.
        sizes: how many SeedJobs, where the command line doesn't say.
        window: for how many seconds it measures, where it is not until something has happened.
        floor: whether a floor is measured beside it: the same number of writes, bare.
    """

    name: str
    about: str
    measure: Measure
    sizes: tuple[int, ...] = (1_000,)
    window: float = 60.0
    plan: str = UNLIMITED
    floor: bool = True


async def _result(
    stage: Stage,
    subject: Subject,
    n: int,
    row: Row,
    *,
    what: str,
    seconds: float | None,
    since: Mark,
    until: Mark | None = None,
    staleness_window: tuple[float, float] | None = None,
    **more: object,
) -> Result:
    return await measuring.result(
        stage, row=row.name, n=n, subject=subject.name, what=what, seconds=seconds, since=since, until=until,
        staleness_window=staleness_window, whole_aftermath=what != _WINDOW, more=more,
    )  # fmt: skip


async def empty(stage: Stage, subject: Subject, n: int, row: Row) -> Result:
    """A start with nothing to do: what the others have on top of it is their work."""
    await stage.prepare(Script())
    before = await stage.mark()
    await stage.start(subject)
    ready = await _wait_until_up(stage, subject, active=0, cap=20.0)
    started = await stage.mark()
    await stage.hold(row.window)
    return await _result(
        stage, subject, n, row, what="ready", seconds=ready, since=before, until=started,
        megabytes_later=stage.meter.megabytes(),
    )  # fmt: skip


async def converge(stage: Stage, subject: Subject, n: int, row: Row) -> Result:
    """SeedJobs that were there before the start, until the last is seen as submitted."""
    await stage.prepare(Script())
    await stage.create_seedjobs(n)
    before = await stage.mark()
    await stage.start(subject)
    done = await stage.until(lambda: _is_seen(stage, submitted=n), seconds=_LONGEST_SECONDS)
    until = await stage.mark()
    seen = await stage.seen()
    megabytes = stage.meter.megabytes()
    await stage.hold(_AFTERMATH_SECONDS)  # Events may follow
    first = min((job["created"] for job in (await stage.control("ledger"))["jobs"]), default=stage.started)
    return await _result(
        stage, subject, n, row, what="all submitted", seconds=seen["last"] - stage.started if done else None,
        since=before, until=until, staleness_window=(0.0, time.time()), submitted=seen["submitted"],
        first_create_after=first - stage.started, megabytes_then=megabytes,
    )  # fmt: skip


async def steady(stage: Stage, subject: Subject, n: int, row: Row) -> Result:
    """Running jobs of which nothing changes."""
    await populate(stage, subject, running=n, ended=0, script=Script(), plan=row.plan)
    return await _window(stage, subject, n, row, warm_up=30.0)


async def progress(stage: Stage, subject: Subject, n: int, row: Row) -> Result:
    """Running jobs whose progress changes every 5 seconds."""
    script = Script(progress_every=5.0)
    await populate(stage, subject, running=n, ended=0, script=script, plan=row.plan)
    return await _window(stage, subject, n, row, warm_up=15.0, grace=20.0)


async def ends(stage: Stage, subject: Subject, n: int, row: Row) -> Result:
    """Running jobs that all end within 10 seconds, until the last end is recorded."""
    await populate(stage, subject, running=n, ended=0, script=Script(), plan=row.plan)
    await stage.start(subject)
    await _wait_until_up(stage, subject, active=n)
    await stage.hold(10.0)
    before = await stage.mark()
    await stage.control("end", names=None, within=10.0)
    done = await stage.until(lambda: _has_ended(stage, n), seconds=_LONGEST_SECONDS)
    until, seen = await stage.mark(), await stage.seen()
    await stage.hold(_AFTERMATH_SECONDS)
    return await _result(
        stage, subject, n, row, what="all ends recorded, from the first one's time",
        seconds=seen["last"] - before.time if done else None, since=before, until=until,
        staleness_window=(before.time, time.time()),
    )  # fmt: skip


async def restart(stage: Stage, subject: Subject, n: int, row: Row) -> Result:
    """A start with jobs of which nine in ten have ended, until it is ready, and a while longer."""
    active = max(n // 10, 1)
    await populate(stage, subject, running=active, ended=n - active, script=Script(), plan=row.plan)
    before = await stage.mark()
    await stage.start(subject)
    ready = await _wait_until_up(stage, subject, active=active)
    until = await stage.mark()
    await stage.hold(row.window)
    late = await stage.mark()
    return await _result(
        stage, subject, n, row, what="ready", seconds=ready, since=before, until=until,
        cpu_seconds_later=late.cpu - until.cpu, megabytes_later=stage.meter.megabytes(),
    )  # fmt: skip


async def limited(stage: Stage, subject: Subject, n: int, row: Row) -> Result:
    """Running jobs on a small plan, with new progress every 30 seconds; one in 10 seconds ends, one comes."""
    script = Script(queued_for=5.0, progress_every=_ACTIVE_PROGRESS_SECONDS)
    await populate(stage, subject, running=n, ended=0, script=script, plan=row.plan)
    await stage.start(subject)
    await _wait_until_up(stage, subject, active=n, cap=30.0)
    await stage.hold(60.0)
    before = await stage.mark()
    traffic = asyncio.create_task(_come_and_go(stage))
    try:
        await stage.hold(row.window)
    finally:
        traffic.cancel()
    until = await stage.mark()
    await stage.hold(60.0)  # so that what changed last has its chance to be seen
    return await _result(
        stage, subject, n, row, what=_WINDOW, seconds=row.window, since=before, until=until,
        staleness_window=(before.time, until.time),
    )  # fmt: skip


async def _come_and_go(stage: Stage) -> None:
    running = [job["name"] for job in (await stage.control("ledger"))["jobs"] if not job["ended"]]
    for number, name in enumerate(random.sample(running, len(running))):
        await stage.create_seedjob(manifest(f"late-{number:06d}"))
        await stage.control("end", names=[name], within=5.0)
        await asyncio.sleep(10.0)


async def surge(stage: Stage, subject: Subject, n: int, row: Row) -> Result:
    """Long jobs created at once on a small plan: how many are submitted when the time is over."""
    await stage.prepare(Script(queued_for=5.0, progress_every=_ACTIVE_PROGRESS_SECONDS), plan=row.plan)
    await stage.start(subject)
    await _wait_until_up(stage, subject, active=0, cap=20.0)
    before = await stage.mark()
    await stage.create_seedjobs(n)
    await stage.hold(row.window - (time.time() - before.time))
    until = await stage.mark()
    submitted = (await stage.control("count"))["jobs"]
    await stage.hold(45.0)
    return await _result(
        stage, subject, n, row, what=_WINDOW, seconds=row.window, since=before, until=until,
        staleness_window=(before.time, until.time), submitted=submitted,
    )  # fmt: skip


async def latency(stage: Stage, subject: Subject, n: int, row: Row) -> Result:
    """From a SeedJob's creation until the platform has its job, with nothing else waiting."""
    await stage.prepare(Script())
    await stage.start(subject)
    await _wait_until_up(stage, subject, active=0, cap=20.0)
    await stage.hold(5.0)
    before = await stage.mark()
    applied = {}
    for number in range(n):
        body = manifest(f"job-{number:06d}")
        applied[body["metadata"]["name"]] = time.time()
        await stage.create_seedjob(body)
        await asyncio.sleep(random.uniform(0.2, 0.4))  # noqa: S311  # out of step with any timer
    done = await stage.until(lambda: _has_jobs(stage, n), seconds=60.0)
    until = await stage.mark()
    await stage.hold(_AFTERMATH_SECONDS)
    created = [(job["name"], job["created"]) for job in (await stage.control("ledger"))["jobs"]]
    took = sorted(moment - applied[name[:10]] for name, moment in created)
    median = percentile(took, 0.5) if took else None
    return await _result(
        stage, subject, n, row, what="median from apply to create", seconds=median if done else None,
        since=before, until=until, p50=median, p99=percentile(took, 0.99) if took else None,
    )  # fmt: skip


async def life(stage: Stage, subject: Subject, n: int, row: Row) -> Result:
    """From creation to deletion: every write and request of a job's whole life."""
    await stage.prepare(Script(queued_for=5.0, runs_for=8.0))
    await stage.start(subject)
    await _wait_until_up(stage, subject, active=0, cap=20.0)
    before = await stage.mark()
    await stage.create_seedjobs(n)
    await stage.until(lambda: _has_ended(stage, n), seconds=_LONGEST_SECONDS)
    await stage.hold(15.0)  # what is recorded late
    ended = await stage.mark()
    names = [f"job-{number:06d}" for number in range(n)]
    await at_once(partial(stage.api.delete, f"{SEEDJOBS}/{name}") for name in names)
    done = await stage.until(lambda: _is_seen(stage, objects=0), seconds=_LONGEST_SECONDS)
    until, seen = await stage.mark(), await stage.seen()
    return await _result(
        stage, subject, n, row, what="all gone, from the first deletion", since=before, until=until,
        seconds=seen["last"] - ended.time if done else None, staleness_window=(before.time, ended.time),
    )  # fmt: skip


async def _window(stage: Stage, subject: Subject, n: int, row: Row, *, warm_up: float, grace: float = 0.0) -> Result:
    await stage.start(subject)
    ready = await _wait_until_up(stage, subject, active=n, cap=60.0)
    await stage.hold(warm_up)
    before = await stage.mark()
    await stage.hold(row.window)
    until = await stage.mark()
    await stage.hold(grace)
    return await _result(
        stage, subject, n, row, what=_WINDOW, seconds=row.window, since=before, until=until,
        staleness_window=(before.time, until.time) if grace else None, ready_after=ready,
    )  # fmt: skip


async def _wait_until_up(stage: Stage, subject: Subject, *, active: int, cap: float = _UP_SECONDS) -> float | None:
    """Wait until the operator says that it is ready; another until it has read each active job once. None: it didn't."""

    async def has_read_all() -> bool:
        return bool((await stage.control("count"))["requests"] >= active)

    if not subject.tells_ready and not active:
        await stage.hold(_START_SECONDS)
        return None
    up = await stage.until(stage.is_ready if subject.tells_ready else has_read_all, seconds=cap)
    return time.time() - stage.started if up else None


async def _is_seen(stage: Stage, **counts: int) -> bool:
    seen = await stage.seen()
    return all(seen[what] == count for what, count in counts.items())


async def _has_ended(stage: Stage, count: int) -> bool:
    return bool((await stage.seen())["phases"].get("Succeeded", 0) >= count)


async def _has_jobs(stage: Stage, count: int) -> bool:
    return bool((await stage.control("count"))["jobs"] >= count)


ALL = {
    row.name: row
    for row in (
        Row(name="empty", about="a start with nothing to do", measure=empty, sizes=(0,), window=10.0, floor=False),
        Row(
            name="converge",
            about="SeedJobs created before the start, until all are submitted",
            measure=converge,
            sizes=(100, 1_000, 5_000, 10_000),
        ),
        Row(
            name="steady",
            about="running jobs, nothing changes, 300 requests/min",
            measure=steady,
            sizes=(10_000,),
            window=120.0,
            plan="300",
        ),
        Row(name="progress", about="running jobs, each with new progress every 5 s", measure=progress),
        Row(name="ends", about="running jobs that all end within 10 s", measure=ends),
        Row(
            name="restart",
            about="a start with jobs of which 9 in 10 have ended",
            measure=restart,
            sizes=(10_000,),
            window=30.0,
        ),
        Row(
            name="limited",
            about="running jobs on 60 requests/min, new progress every 30 s; every 10 s one ends and one comes",
            measure=limited,
            window=300.0,
            plan="60",
            floor=False,
        ),
        Row(
            name="surge",
            about="long jobs created at once on 60 requests/min",
            measure=surge,
            window=300.0,
            plan="60",
            floor=False,
        ),
        Row(name="latency", about="from apply to the remote create, one job at a time", measure=latency, sizes=(200,)),
        Row(name="life", about="from creation over the end to deletion", measure=life, sizes=(500,)),
    )
}
