"""Rows of SeedJobs that come while the subject runs, or had come before it."""

import time
from functools import partial

from benchmarks.apiserver import SEEDJOBS, at_once
from benchmarks.jobs import Script
from benchmarks.result import Result
from benchmarks.row import (
    AFTERMATH_SECONDS,
    LONGEST_SECONDS,
    WINDOW,
    Row,
    apply_one_by_one,
    has_ended,
    is_seen,
    result_of,
    seconds_to_create,
    wait_until_up,
)
from benchmarks.stage import Stage
from benchmarks.staleness import percentile
from benchmarks.subjects import Subject

_PROGRESS_SECONDS = 30.0


async def empty(stage: Stage, subject: Subject, n: int, row: Row) -> Result:
    """A start with nothing to do: what the others have on top of it is their work."""
    await stage.prepare(Script())
    before = await stage.mark()
    await stage.start(subject)
    ready = await wait_until_up(stage, subject, active=0, cap=20.0)
    started = await stage.mark()
    await stage.hold(row.window)
    return await result_of(
        stage, subject, n, row, what="ready", seconds=ready, since=before, until=started,
        megabytes_later=stage.meter.megabytes(),
    )  # fmt: skip


async def converge(stage: Stage, subject: Subject, n: int, row: Row) -> Result:
    """SeedJobs that were there before the start, until the last is seen as submitted."""
    await stage.prepare(Script())
    await stage.create_seedjobs(n)
    before = await stage.mark()
    await stage.start(subject)
    done = await stage.until(lambda: is_seen(stage, submitted=n), seconds=LONGEST_SECONDS)
    until = await stage.mark()
    seen = await stage.seen()
    megabytes = stage.meter.megabytes()
    await stage.hold(AFTERMATH_SECONDS)  # Events may follow
    first = min((job["created"] for job in (await stage.control("ledger"))["jobs"]), default=stage.started)
    return await result_of(
        stage, subject, n, row, what="all submitted", seconds=seen["last"] - stage.started if done else None,
        since=before, until=until, staleness_window=(0.0, time.time()), submitted=seen["submitted"],
        first_create_after=first - stage.started, megabytes_then=megabytes,
    )  # fmt: skip


async def surge(stage: Stage, subject: Subject, n: int, row: Row) -> Result:
    """Long jobs created at once on a small plan: how many are submitted when the time is over."""
    await stage.prepare(Script(queued_for=5.0, progress_every=_PROGRESS_SECONDS), plan=row.plan)
    await stage.start(subject)
    await wait_until_up(stage, subject, active=0, cap=20.0)
    before = await stage.mark()
    await stage.create_seedjobs(n)
    await stage.hold(row.window - (time.time() - before.time))
    until = await stage.mark()
    submitted = (await stage.control("count"))["jobs"]
    await stage.hold(45.0)
    return await result_of(
        stage, subject, n, row, what=WINDOW, seconds=row.window, since=before, until=until,
        staleness_window=(before.time, until.time), submitted=submitted,
    )  # fmt: skip


async def latency(stage: Stage, subject: Subject, n: int, row: Row) -> Result:
    """From a SeedJob's creation until the platform has its job, with nothing else waiting."""
    await stage.prepare(Script())
    await stage.start(subject)
    await wait_until_up(stage, subject, active=0, cap=20.0)
    await stage.hold(5.0)
    before = await stage.mark()
    applied = await apply_one_by_one(stage, n)
    done = await stage.until(lambda: _has_jobs(stage, n), seconds=60.0)
    until = await stage.mark()
    await stage.hold(AFTERMATH_SECONDS)
    took = await seconds_to_create(stage, applied)
    median = percentile(took, 0.5) if took else None
    return await result_of(
        stage, subject, n, row, what="median from apply to create", seconds=median if done else None,
        since=before, until=until, p50=median, p99=percentile(took, 0.99) if took else None,
    )  # fmt: skip


async def _has_jobs(stage: Stage, count: int) -> bool:
    return bool((await stage.control("count"))["jobs"] >= count)


async def life(stage: Stage, subject: Subject, n: int, row: Row) -> Result:
    """From creation to deletion: every write and request of a job's whole life."""
    await stage.prepare(Script(queued_for=5.0, runs_for=8.0))
    await stage.start(subject)
    await wait_until_up(stage, subject, active=0, cap=20.0)
    before = await stage.mark()
    await stage.create_seedjobs(n)
    await stage.until(lambda: has_ended(stage, n), seconds=LONGEST_SECONDS)
    await stage.hold(15.0)  # what is recorded late
    ended = await stage.mark()
    names = [f"job-{number:06d}" for number in range(n)]
    await at_once(partial(stage.api.delete, f"{SEEDJOBS}/{name}") for name in names)
    done = await stage.until(lambda: is_seen(stage, objects=0), seconds=LONGEST_SECONDS)
    until, seen = await stage.mark(), await stage.seen()
    return await result_of(
        stage, subject, n, row, what="all gone, from the first deletion", since=before, until=until,
        seconds=seen["last"] - ended.time if done else None, staleness_window=(before.time, ended.time),
    )  # fmt: skip
