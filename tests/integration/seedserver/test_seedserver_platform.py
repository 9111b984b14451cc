"""The platform without HTTP, where a test must hold it at a moment that no request hits reliably."""

import asyncio
import contextlib
import errno
import math
import os
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from seedjob_operator.seedapi.wire import CreateJob, JobStatus
from seedjob_operator.seedserver import execution, following, launch, processes
from seedjob_operator.seedserver.admission import new_record
from seedjob_operator.seedserver.ending import OVERDUE, Ending, read_ending
from seedjob_operator.seedserver.folders import Folders
from seedjob_operator.seedserver.inventory import Inventory
from seedjob_operator.seedserver.launch import Launcher
from seedjob_operator.seedserver.launch import start_supervisor as start
from seedjob_operator.seedserver.platform import Platform
from seedjob_operator.seedserver.records import JobRecord
from seedjob_operator.seedserver.store import Store
from seedjob_operator.seedserver.supervisor import files
from seedjob_operator.seedserver.supervisor.descendants import start_time

JOB = CreateJob(name="a", command="sleep 60", image="x", gpu="none")


NewPlatform = Callable[..., Platform]


@pytest.fixture
async def new_platform(tmp_path: Path) -> AsyncIterator[NewPlatform]:
    folders = Folders(tmp_path / "data")
    folders.prepare()
    made: list[Platform] = []

    def make(*, grace_seconds: float = 1, time_scale: float = 1) -> Platform:
        launcher = Launcher(
            repos=None, git_config=folders.git_config, grace_seconds=grace_seconds, time_scale=time_scale
        )
        platform = Platform(store=Store(folders.records), folders=folders, launcher=launcher, inventory=Inventory())
        made.append(platform)
        return platform

    yield make
    for platform in made:
        await platform.close(end_jobs=True)


async def status_of(platform: Platform, *expected: JobStatus) -> JobRecord:
    async with asyncio.timeout(90):
        while (record := platform.find("acme", "a")).status not in expected:  # noqa: ASYNC110  # records are polled, as by users
            await asyncio.sleep(0.01)
        return record


async def until(look: Callable[[], object]) -> None:
    async with asyncio.timeout(90):
        while not look():  # noqa: ASYNC110  # files and processes are polled
            await asyncio.sleep(0.01)


async def test_a_cancel_between_the_record_and_the_process_is_carried_out(
    new_platform: NewPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancelled = threading.Event()

    def start_late(folder: Path) -> int:
        assert cancelled.wait(90)
        return start(folder)

    monkeypatch.setattr(following, "start_supervisor", start_late)
    platform = new_platform()
    await platform.start()
    await platform.create("acme", JOB)
    await status_of(platform, JobStatus.RUNNING)
    await platform.cancel("acme", "a")
    cancelled.set()
    await status_of(platform, JobStatus.CANCELLED)


class Disk:
    """In the place of what writes orders: one that can be full, or refuse, and notes how often it was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, error: int) -> None:
        self.error, self.asked = error, 0
        write = Launcher.write_order

        def write_order(launcher: Launcher, record: JobRecord, folder: Path) -> None:
            self.asked += 1
            if self.error:
                raise OSError(self.error, os.strerror(self.error))
            write(launcher, record, folder)

        monkeypatch.setattr(Launcher, "write_order", write_order)


async def test_a_job_waits_in_the_queue_while_the_disk_is_full(
    new_platform: NewPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It isn't the job's fault, nothing of it has run, and nothing is billed: it keeps its place and its retries."""
    disk = Disk(monkeypatch, errno.ENOSPC)
    monkeypatch.setattr(execution, "RETRY_SECONDS", 0.01)
    platform = new_platform()
    await platform.start()
    await platform.create("acme", JOB.model_copy(update={"command": "exit 3"}))
    await until(lambda: disk.asked > 2)
    waiting = platform.find("acme", "a")
    assert (waiting.status, waiting.started_at, waiting.retry_count) == (JobStatus.QUEUED, None, 0)
    disk.error = 0
    ended = await status_of(platform, JobStatus.FAILED)
    assert (ended.exit_code, ended.retry_count) == (3, 0)


async def test_a_job_that_waits_for_the_disk_can_be_cancelled(
    new_platform: NewPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch, errno.ENOSPC)
    platform = new_platform()
    await platform.start()
    await platform.create("acme", JOB)
    await until(lambda: disk.asked)
    await platform.cancel("acme", "a")
    assert platform.find("acme", "a").status is JobStatus.CANCELLED


async def test_a_job_that_can_never_be_started_fails_with_the_reason(
    new_platform: NewPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    Disk(monkeypatch, errno.EACCES)
    platform = new_platform()
    await platform.start()
    await platform.create("acme", JOB)
    record = await status_of(platform, JobStatus.FAILED)
    assert record.error == "the job's process could not be started: Permission denied"
    assert record.completed_at is not None


async def test_a_cancel_while_the_order_is_written_leaves_no_order(
    new_platform: NewPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An order has the values of the environment, and nobody reads this one."""
    cancelled, written = threading.Event(), threading.Event()
    write = Launcher.write_order

    def write_late(launcher: Launcher, record: JobRecord, folder: Path) -> None:
        write(launcher, record, folder)
        written.set()
        assert cancelled.wait(90)

    monkeypatch.setattr(Launcher, "write_order", write_late)
    platform = new_platform()
    await platform.start()
    job = await platform.create("acme", JOB)
    await until(written.is_set)
    order = platform.folders.job(job.id) / files.ORDER
    assert order.exists()
    await platform.cancel("acme", "a")
    cancelled.set()
    await until(lambda: not order.exists())
    assert platform.find("acme", "a").status is JobStatus.CANCELLED


async def test_a_job_is_followed_on_after_a_failure_to_follow_it(
    new_platform: NewPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else would ever record its end."""
    failed = 0
    read = read_ending

    def read_at_third(record: JobRecord, folder: Path) -> Ending:
        nonlocal failed
        failed += 1
        if failed < 3:
            raise RuntimeError("nobody knows why")
        return read(record, folder)

    monkeypatch.setattr(following, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(following, "read_ending", read_at_third)
    platform = new_platform()
    await platform.start()
    await platform.create("acme", JOB.model_copy(update={"command": "exit 5"}))
    record = await status_of(platform, JobStatus.FAILED)
    assert (failed, record.exit_code) == (3, 5)


async def test_a_job_that_has_to_wait_for_a_process_is_billed_from_its_start(
    new_platform: NewPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    began: list[int] = []

    def start_third(folder: Path) -> int:
        began.append(time.time_ns() // 1000)
        if len(began) < 3:
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return start(folder)

    monkeypatch.setattr(following, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(following, "start_supervisor", start_third)
    platform = new_platform()
    await platform.start()
    await platform.create("acme", JOB.model_copy(update={"command": "true"}))
    record = await status_of(platform, JobStatus.SUCCEEDED)
    assert record.started_at == record.resumed_at
    assert began[1] < (record.started_at or 0) <= began[2]


async def begun_but_unrecorded(platform: Platform) -> tuple[Path, int]:
    """Leave a job as a server does that is killed between its supervisor's start and that one's first record.

    We are that supervisor: we hold the lock, and have said nothing yet.
    """
    record = new_record("acme", JOB, now=1)
    await platform.store.add(record)
    running = {"status": JobStatus.RUNNING, "started_at": 1, "resumed_at": 1}
    await platform.store.update(record.id, expected=JobStatus.QUEUED, **running)
    folder = platform.folders.job(record.id)
    launcher = Launcher(repos=None, git_config=platform.folders.git_config, grace_seconds=1, time_scale=1)
    launcher.write_order(record, folder)
    lock = files.take_lock(str(folder))
    assert lock is not None
    return folder, lock


async def test_a_supervisor_that_was_just_beginning_when_the_server_was_killed_has_the_job(
    new_platform: NewPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next server starts another one, which finds the lock held and ends: the job is the first one's."""
    started: list[int] = []

    def start_noted(folder: Path) -> int:
        started.append(start(folder))
        return started[-1]

    monkeypatch.setattr(following, "start_supervisor", start_noted)
    platform = new_platform()
    folder, lock = await begun_but_unrecorded(platform)
    await platform.start()
    await until(lambda: started and not psutil.pid_exists(started[0]))
    await asyncio.sleep(0.3)  # for a server that would judge at once
    with subprocess.Popen(["sleep", "600"]) as first:  # noqa: ASYNC220  # to start it takes no time
        state = {"pid": str(first.pid), "start_time": start_time(first.pid), "nodes": ""}
        files.write_record(str(folder / files.STATE), state)
        (folder / files.ORDER).unlink()
        result = {"outcome": files.EXITED, "exit_code": "7", "reason": "", "retries": "0", "ended_at": "9"}
        files.write_record(str(folder / files.RESULT), result | {"cpu_seconds": "0", "peak_memory_kb": "1"})
        os.close(lock)
        first.kill()
    record = await status_of(platform, JobStatus.FAILED)
    assert (record.exit_code, record.completed_at) == (7, 9)
    assert len(started) == 1


async def test_a_job_that_never_began_is_not_billed_for_the_time_without_a_server(new_platform: NewPlatform) -> None:
    platform = new_platform()
    _, lock = await begun_but_unrecorded(platform)
    os.close(lock)
    await platform.start()
    await until(lambda: platform.find("acme", "a").resumed_at != 1)
    await platform.cancel("acme", "a")
    record = await status_of(platform, JobStatus.CANCELLED)
    assert record.runtime_seconds(now=platform.now) < 24 * 3600, "not since 1970, when it was recorded as running"
    assert record.started_at == record.resumed_at


async def test_a_jobs_disk_is_discarded_before_its_end_is_recorded(
    new_platform: NewPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be what fills the disk, and then nothing can be recorded as long as it is there."""
    platform = new_platform()
    work_was_there: list[bool] = []
    set_usage = platform.store.set_usage

    async def look(job_id: str, *, cpu_average: float | None, memory_gb: float | None) -> None:
        work_was_there.append(platform.folders.work(job_id).exists())
        await set_usage(job_id, cpu_average=cpu_average, memory_gb=memory_gb)

    monkeypatch.setattr(platform.store, "set_usage", look)
    await platform.start()
    await platform.create("acme", JOB.model_copy(update={"command": "true"}))
    await status_of(platform, JobStatus.SUCCEEDED)
    assert work_was_there == [False]


def living(session: int) -> list[psutil.Process]:
    """Give a session's processes; what nobody reaps has ended."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


async def test_a_job_that_outlives_its_timeout_is_killed_with_its_supervisor(
    new_platform: NewPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it made of its supervisor: nobody has to cancel it before its room is free again."""
    monkeypatch.setattr(launch, "_LEAST_MARGIN", 0.1)
    monkeypatch.setattr(processes, "_RECORDING_SECONDS", 0.1)  # it may be looked at before its child is there
    started: list[int] = []

    def start_deaf(_folder: Path) -> int:
        """Start what neither ends nor says anything, as a supervisor that its job has stopped."""
        started.append(os.posix_spawn("/bin/sh", ["sh", "-c", "sleep 600 & wait"], {}, setsid=True))
        return started[-1]

    monkeypatch.setattr(following, "start_supervisor", start_deaf)
    platform = new_platform(grace_seconds=0.1, time_scale=6000)
    await platform.start()
    await platform.create("acme", JOB.model_copy(update={"timeout_minutes": 1}))
    record = await status_of(platform, JobStatus.TIMED_OUT)
    assert record.error == OVERDUE
    await until(lambda: living(started[0]) == [])


class FillingDisk:
    """In the place of the disk: full from a call on, of those that a start makes, for files and folders and what is written."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room: float = math.inf
        """How many calls there is room for yet."""
        self.refused = False
        for name in ("mkdir", "open", "write"):
            monkeypatch.setattr(os, name, self._limited(getattr(os, name)))

    def _limited(self, call: Callable[..., object]) -> Callable[..., object]:
        def limited(*args: Any, **options: Any) -> object:
            if not threading.current_thread().name.startswith("start"):
                return call(*args, **options)
            if self.room <= 0:
                self.refused = True
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self.room -= 1
            return call(*args, **options)

        return limited


async def test_wherever_in_a_start_the_disk_is_full_the_job_stays_in_the_queue(
    new_platform: NewPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where only inodes are used up: then files and folders are refused, and what is written is not."""
    monkeypatch.setattr(execution, "RETRY_SECONDS", 0.01)
    disk, platform = FillingDisk(monkeypatch), new_platform()
    await platform.start()
    steps = 0
    for room in range(100):
        disk.room, disk.refused = room, False
        job = await platform.create("acme", JOB.model_copy(update={"name": f"a{room}", "command": "exit 3"}))
        await until(lambda: disk.refused or platform.find("acme", job.name).status is not JobStatus.QUEUED)  # noqa: B023
        if not disk.refused:
            break
        steps += 1
        waiting = platform.find("acme", job.name)
        assert (waiting.status, waiting.started_at) == (JobStatus.QUEUED, None), room
        disk.room = math.inf
        await until(lambda: platform.find("acme", job.name).status.terminal)  # noqa: B023
        assert platform.find("acme", job.name).exit_code == 3, room
    assert steps >= 8, "two folders, a log, a lock, room for two records, an order"
