"""Follows a running job's log as server-sent events.

The log on disk is the buffer: a reader is sent what fits, and goes on where it was. One that falls too far behind what is
written is moved forward, and told what it missed.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from seedjob_operator.seedapi.wire import LogStream
from seedjob_operator.seedserver import joblog, segments
from seedjob_operator.seedserver.answers import end_event, log_event
from seedjob_operator.seedserver.platform import Platform
from seedjob_operator.seedserver.records import JobRecord

KEEP_ALIVE_SECONDS: Final = 15
"""Less than the 30 s or 60 s of silence after which proxies close a connection."""
STALLED_SECONDS: Final = 60
"""Who takes nothing for so long is disconnected, and may come back with the id of the last event."""
EVENT_ID: Final = r"^[0-9]{1,18}$"
"""What the id of an event looks like: a position in the log."""
_BUFFER: Final = 4 * 1024 * 1024
"""How far a reader may fall behind: a burst of some 10,000 lines, and of all followers together no machine's memory."""
_LOOK_SECONDS = 0.2  # what people call at once; each look of each follower costs the server


async def log_events(
    platform: Platform, record: JobRecord, position: int, *, buffer: int = _BUFFER
) -> AsyncIterator[bytes]:
    """Give the events from a position on: many lines at once where there are many, and the job's end.

    What stood there before is given however much it is; what comes on top may be `buffer` bytes ahead of the reader.
    """
    path = platform.folders.log(record.id)
    allowed = segments.size_of(path) - position + buffer
    while not platform.closing.is_set():
        status = platform.store.status(record.id)  # before the log is read: nothing is written behind its end
        if status is None:
            return
        dropped = (
            await asyncio.to_thread(_dropped, path, position) if position < segments.first_position(path) else None
        )
        if dropped is not None:
            position = dropped.end
            yield log_event(dropped)
        behind = segments.size_of(path) - position
        allowed = min(allowed, behind + buffer)
        if behind > allowed:
            note = await asyncio.to_thread(_skipped, path, position, keep=buffer // 2)
            position = note.end
            yield log_event(note)
        lines = joblog.lines_from(path, position, most_bytes=2 * joblog.BLOCK)  # more than the longest line
        if lines:
            position = lines[-1].end
            yield b"".join(map(log_event, lines))
            await asyncio.sleep(0)
        elif status.terminal:
            yield end_event(status, position)
            return
        else:
            await asyncio.sleep(_LOOK_SECONDS)


def _skipped(path: Path, position: int, *, keep: int) -> joblog.Line:
    """Make the line that stands for those that are left out; behind it are about `keep` bytes up to the log's end."""
    end = joblog.next_line(path, segments.size_of(path) - keep)
    lines, at = joblog.count_lines(path, position, end)
    message = f"seed: {lines} lines ({end - position} bytes) are left out here: this stream was read too slowly"
    return joblog.Line(at, message, LogStream.STDERR, None, end)


def _dropped(path: Path, position: int) -> joblog.Line | None:
    """Make the line that stands for what is in the log no more; None if yet more of it was dropped just now."""
    first = segments.first_position(path)
    found = joblog.lines_from(path, first)
    if not found:
        return None
    message = (
        f"seed: {first - position} bytes are left out here: the log became too long, and its beginning was dropped"
    )
    return joblog.Line(found[0].at, message, LogStream.STDERR, None, first)


def start_position(path: Path, *, tail: int | None, since: int | None) -> int:
    """Give where the stream of a log begins: at its first line, unless something else is asked for. Reads much of it."""
    starts = [0]
    if since is not None:
        starts.append(joblog.position_after(path, since))
    if tail is not None:
        starts.append(joblog.position_of_last(path, tail))
    return max(starts)


def resumed_position(path: Path, told: int) -> int:
    """Give where a log's stream goes on after an event: an id that is none of its own means the next line after it."""
    return told if told < segments.first_position(path) else joblog.next_line(path, told)
