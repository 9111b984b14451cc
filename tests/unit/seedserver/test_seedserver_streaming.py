"""What a follower of a log is sent when it reads slowly. The reader is the test itself: it takes one chunk at a time."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from seedjob_operator.seedapi.wire import JobStatus
from seedjob_operator.seedserver.platform import Platform
from seedjob_operator.seedserver.records import JobRecord
from seedjob_operator.seedserver.streaming import log_events

RECORD = cast("JobRecord", SimpleNamespace(id="job_1"))
BUFFER = 20_000


class Log:
    """A job's log that grows when the test says so."""

    def __init__(self, path: Path) -> None:
        self._path, self._lines, self._base = path, 0, 0
        self.status = JobStatus.RUNNING
        path.mkdir()

    def grow(self, lines: int) -> None:
        with self._segment.open("ab") as file:
            for _ in range(lines):
                self._lines += 1
                file.write(b"%d 0o line %d\n" % (self._lines, self._lines))

    def drop(self) -> None:
        """Drop all that was written so far."""
        old = self._segment
        self._base += old.stat().st_size
        self._segment.touch()
        old.unlink()

    @property
    def _segment(self) -> Path:
        return self._path / str(self._base)

    def followed(self, position: int = 0) -> AsyncIterator[bytes]:
        platform = SimpleNamespace(
            closing=asyncio.Event(),
            folders=SimpleNamespace(log=lambda _: self._path),
            store=SimpleNamespace(status=lambda _: self.status),
        )
        return log_events(cast("Platform", platform), RECORD, position, buffer=BUFFER)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "log")


def messages(chunk: bytes) -> list[str]:
    return [event["message"] for event in data(chunk) if "message" in event]


def data(chunk: bytes) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in chunk.decode().splitlines() if line.startswith("data: ")]


async def rest(events: AsyncIterator[bytes]) -> list[str]:
    return [message async for chunk in events for message in messages(chunk)]


async def test_a_backlog_is_given_whole(log: Log) -> None:
    """However long a log is when a stream begins, nothing of it is left out."""
    log.grow(20_000)
    log.status = JobStatus.SUCCEEDED
    assert await rest(log.followed()) == [f"line {number}" for number in range(1, 20_001)]


async def test_who_falls_behind_is_told_what_was_missed(log: Log) -> None:
    log.grow(10)
    events = log.followed()
    first = messages(await anext(events))
    log.grow(5000)
    log.status = JobStatus.FAILED
    note, *seen = await rest(events)
    missed = int(note.split()[1])
    assert note.startswith(f"seed: {missed} lines (")
    assert "read too slowly" in note
    assert missed > 0
    assert first + seen == [f"line {number}" for number in (*range(1, 11), *range(11 + missed, 5011))]
    assert sum(len(message) for message in seen) <= BUFFER


async def test_a_stream_can_be_resumed_behind_the_note(log: Log) -> None:
    log.grow(1)
    events = log.followed()
    await anext(events)
    log.grow(5000)
    note = await anext(events)
    log.status = JobStatus.FAILED
    identity = next(line for line in note.decode().splitlines() if line.startswith("id: "))
    again = await rest(log.followed(int(identity[4:])))
    assert again == await rest(events)


async def test_a_little_behind_misses_nothing(log: Log) -> None:
    events = log.followed()
    seen: list[str] = []
    for _ in range(50):
        log.grow(500)
        seen += messages(await anext(events))
    log.status = JobStatus.SUCCEEDED
    assert seen + await rest(events) == [f"line {number}" for number in range(1, 25_001)]


async def test_the_longest_line_does_not_hold_up_the_stream(log: Log, tmp_path: Path) -> None:
    """A supervisor cuts lines at 64 KiB; with its head such a line is longer than one block."""
    (tmp_path / "log" / "0").write_bytes(b"1700000000000000 0o " + b"x" * 65536 + b"\n")
    assert len(messages(await anext(log.followed()))[0]) == 65536


async def test_what_was_dropped_is_told_and_the_rest_is_given(log: Log) -> None:
    """However far a reader was, it goes on at the first line that is still there."""
    log.grow(10)
    events = log.followed()
    first = messages(await anext(events))
    log.grow(10)
    log.drop()
    log.grow(10)
    log.status = JobStatus.SUCCEEDED
    note, *seen = await rest(events)
    assert first == [f"line {number}" for number in range(1, 11)]
    assert note.startswith(f"seed: {10 * len('11 0o line 11 ')} bytes are left out here"), "exactly what wasn't sent"
    assert seen == [f"line {number}" for number in range(21, 31)]


async def test_a_stream_can_be_resumed_where_the_log_is_gone(log: Log) -> None:
    log.grow(10)
    log.drop()
    log.grow(2)
    log.status = JobStatus.SUCCEEDED
    for position in (0, 7):
        note, *seen = await rest(log.followed(position))
        assert "dropped" in note
        assert seen == ["line 11", "line 12"]
