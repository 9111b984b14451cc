"""Rows of SeedJobs that an operator left behind before: `population` makes them."""

import asyncio
import random
import time

from benchmarks.apiserver import manifest
from benchmarks.jobs import Script
from benchmarks.population import populate
from benchmarks.result import Result
from benchmarks.row import AFTERMATH_SECONDS, LONGEST_SECONDS, WINDOW, Row, has_ended, result_of, wait_until_up
from benchmarks.stage import Stage
from benchmarks.subjects import Subject

_PROGRESS_SECONDS = 30.0


async def steady(stage: Stage, subject: Subject, n: int, row: Row) -> Result:
    """Running jobs of which nothing changes, after the first minute, in which each is seen for the first time."""
    await populate(stage, subject, running=n, ended=0, script=Script(), plan=row.plan)
    return await _window(stage, subject, n, row, warm_up=75.0)


async def progress(stage: Stage, subject: Subject, n: int, row: Row) -> Result:
    """Running jobs whose progress changes every 5 seconds."""
    script = Script(progress_every=5.0)
    await populate(stage, subject, running=n, ended=0, script=script, plan=row.plan)
    return await _window(stage, subject, n, row, warm_up=15.0, grace=20.0)


async def _window(stage: Stage, subject: Subject, n: int, row: Row, *, warm_up: float, grace: float = 0.0) -> Result:
    await stage.start(subject)
    ready = await wait_until_up(stage, subject, active=n, cap=60.0)
    await stage.hold(warm_up)
    before = await stage.mark()
    await stage.hold(row.window)
    until = await stage.mark()
    await stage.hold(grace)
    return await result_of(
        stage, subject, n, row, what=WINDOW, seconds=row.window, since=before, until=until,
        staleness_window=(before.time, until.time) if grace else None, ready_after=ready,
    )  # fmt: skip


async def ends(stage: Stage, subject: Subject, n: int, row: Row) -> Result:
    """Running jobs that all end within 10 seconds, until the last end is recorded."""
    await populate(stage, subject, running=n, ended=0, script=Script(), plan=row.plan)
    await stage.start(subject)
    await wait_until_up(stage, subject, active=n)
    await stage.hold(10.0)
    before = await stage.mark()
    await stage.control("end", names=None, within=10.0)
    done = await stage.until(lambda: has_ended(stage, n), seconds=LONGEST_SECONDS)
    until, seen = await stage.mark(), await stage.seen()
    await stage.hold(AFTERMATH_SECONDS)
    return await result_of(
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
    ready = await wait_until_up(stage, subject, active=active)
    until = await stage.mark()
    await stage.hold(row.window)
    late = await stage.mark()
    return await result_of(
        stage, subject, n, row, what="ready", seconds=ready, since=before, until=until,
        cpu_seconds_later=late.cpu - until.cpu, megabytes_later=stage.meter.megabytes(),
    )  # fmt: skip


async def limited(stage: Stage, subject: Subject, n: int, row: Row) -> Result:
    """Running jobs on a small plan, with new progress every 30 seconds; one in 10 seconds ends, one comes."""
    script = Script(queued_for=5.0, progress_every=_PROGRESS_SECONDS)
    await populate(stage, subject, running=n, ended=0, script=script, plan=row.plan)
    await stage.start(subject)
    await wait_until_up(stage, subject, active=n, cap=30.0)
    await stage.hold(60.0)
    before = await stage.mark()
    traffic = asyncio.create_task(_come_and_go(stage))
    try:
        await stage.hold(row.window)
    finally:
        traffic.cancel()
    until = await stage.mark()
    await stage.hold(60.0)  # so that what changed last has its chance to be seen
    return await result_of(
        stage, subject, n, row, what=WINDOW, seconds=row.window, since=before, until=until,
        staleness_window=(before.time, until.time),
    )  # fmt: skip


async def _come_and_go(stage: Stage) -> None:
    running = [job["name"] for job in (await stage.control("ledger"))["jobs"] if not job["ended"]]
    for number, name in enumerate(random.sample(running, len(running))):
        await stage.create_seedjob(manifest(f"late-{number:06d}"))
        await stage.control("end", names=[name], within=5.0)
        await asyncio.sleep(10.0)
