"""Follows a running job's log as server-sent events."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from seedjob_operator.seedserver import joblog
from seedjob_operator.seedserver.answers import end_event, log_event
from seedjob_operator.seedserver.platform import Platform
from seedjob_operator.seedserver.records import JobRecord

KEEP_ALIVE_SECONDS: Final = 15
_LOOK_SECONDS = 0.2


async def log_events(platform: Platform, record: JobRecord, position: int) -> AsyncIterator[bytes]:
    """Give the events from a position on: many lines at once where there are many, and the job's end."""
    path = platform.folders.log(record.id)
    while not platform.closing.is_set():
        status = platform.store.status(record.id)  # before the log is read: nothing is written behind its end
        if status is None:
            return
        lines = joblog.lines_from(path, position, most_bytes=joblog.BLOCK)
        if lines:
            position = lines[-1].end
            yield b"".join(map(log_event, lines))
            await asyncio.sleep(0)
        elif status.terminal:
            yield end_event(status, position)
            return
        else:
            await asyncio.sleep(_LOOK_SECONDS)


def start_position(platform: Platform, record: JobRecord, *, tail: int | None, since: int | None) -> int:
    """Give where a stream begins: at the job's first line, unless something else is asked for."""
    path = platform.folders.log(record.id)
    starts = [0]
    if since is not None:
        starts.append(joblog.position_after(path, since))
    if tail is not None:
        starts.append(joblog.position_of_last(path, tail))
    return max(starts)
