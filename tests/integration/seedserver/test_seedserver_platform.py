"""The platform without HTTP, where a test must hold it at a moment that no request hits reliably."""

import asyncio
import errno
import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from seedjob_operator.seedapi.wire import CreateJob, JobStatus
from seedjob_operator.seedserver.folders import Folders
from seedjob_operator.seedserver.inventory import Inventory
from seedjob_operator.seedserver.launch import Launcher
from seedjob_operator.seedserver.platform import Platform
from seedjob_operator.seedserver.records import JobRecord
from seedjob_operator.seedserver.store import Store

JOB = CreateJob(name="a", command="sleep 60", image="x", gpu="none")


class SlowLauncher(Launcher):
    """Takes its time between the record that says running and the process that runs."""

    def write_order(self, record: JobRecord, folder: Path) -> None:
        time.sleep(0.3)
        super().write_order(record, folder)


class FullDiskLauncher(Launcher):
    """Can't write anything."""

    def write_order(self, record: JobRecord, folder: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


NewPlatform = Callable[[type[Launcher]], Platform]


@pytest.fixture
async def new_platform(tmp_path: Path) -> AsyncIterator[NewPlatform]:
    folders = Folders(tmp_path / "data")
    folders.prepare()
    made: list[Platform] = []

    def make(kind: type[Launcher]) -> Platform:
        launcher = kind(repos=None, git_config=folders.git_config, grace_seconds=1, time_scale=1)
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


async def test_a_cancel_between_the_record_and_the_process_is_carried_out(new_platform: NewPlatform) -> None:
    platform = new_platform(SlowLauncher)
    await platform.start()
    await platform.create("acme", JOB)
    await status_of(platform, JobStatus.RUNNING)
    await platform.cancel("acme", "a")
    await status_of(platform, JobStatus.CANCELLED)


async def test_a_job_that_cannot_be_started_fails_with_the_reason(new_platform: NewPlatform) -> None:
    platform = new_platform(FullDiskLauncher)
    await platform.start()
    await platform.create("acme", JOB)
    record = await status_of(platform, JobStatus.FAILED)
    assert record.error == "the job's process could not be started: No space left on device"
    assert record.completed_at is not None
