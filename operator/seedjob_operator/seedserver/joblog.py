"""Reads a job's log from disk: its end, from a time on, or from a position on.

A position is the offset in bytes behind a line, counted from the first byte that was ever written. So it stays good for
as long as the log is there, also when the log's beginning was dropped. Each line begins with its time and times never go
back, so the log is its own index by time.
"""

import itertools
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from seedjob_operator.seedapi.wire import LogStream
from seedjob_operator.seedserver.segments import LogFile

BLOCK = 65536  # read at once: a few hundred lines of usual length
_LONGEST_LINE = 2 * BLOCK
"""No line of ours is as long with its head. What is, a job has written itself: it is read in pieces of so many bytes."""
_WHOLE = re.compile(rb"\d{1,18} (?:-|\d{1,9})[oe] ")
_STREAMS = {b"o": LogStream.STDOUT, b"e": LogStream.STDERR}


@dataclass(frozen=True, slots=True)
class Line:
    """A line of output. `at` is in microseconds since 1970, `end` the position to go on from after it.

    `node` is None for the platform's own notes.
    """

    at: int
    message: str
    stream: LogStream
    node: int | None
    end: int


def last_lines(path: Path, count: int, *, since: int | None = None) -> list[Line]:
    """Give the last lines, at most `count`, oldest first; only those after a time where one is given."""
    return last_lines_within(path, count, since=since, most_bytes=sys.maxsize)[0]


def last_lines_within(path: Path, count: int, *, since: int | None, most_bytes: int) -> tuple[list[Line], Line | None]:
    """Give the last lines as `last_lines` does, as many as stand in the last bytes; and the first that stands before."""
    with LogFile(path) as file:
        first = file.first if since is None else _after(file, since)
        size = _whole_size(file)
        start = _start_of_last(file, count, first=first, size=size)
        if size - start <= most_bytes:
            return list(_lines(file, start, size)), None
        file.seek(size - most_bytes - 1)
        kept_from = size - most_bytes - 1 + len(file.readline(_LONGEST_LINE))
        file.seek(start)
        older = next(_parsed(file.readline(_LONGEST_LINE), start), None)
        return list(_lines(file, kept_from, size)), older


def lines_after(path: Path, since: int, *, most: int, most_bytes: int = sys.maxsize) -> list[Line]:
    """Give the first `most` lines after a time, as many whole ones as stand in the next `most_bytes`."""
    with LogFile(path) as file:
        start = _after(file, since)
        end = min(_whole_size(file), start + most_bytes)
        return list(itertools.islice(_lines(file, start, end), most))


def lines_from(path: Path, position: int, *, most_bytes: int = 4 * BLOCK) -> list[Line]:
    """Give the lines from a position on, as many whole ones as stand in the next `most_bytes`; none if it is gone."""
    with LogFile(path) as file:
        file.seek(position)
        content = file.read(most_bytes)
    whole = content[: content.rfind(b"\n") + 1]
    return list(_parsed(whole, position))


def position_after(path: Path, since: int) -> int:
    """Give the position of the first line after a time."""
    with LogFile(path) as file:
        return _after(file, since)


def position_of_last(path: Path, count: int) -> int:
    """Give the position of the first of the last `count` lines."""
    with LogFile(path) as file:
        return _start_of_last(file, count, first=file.first, size=_whole_size(file))


def next_line(path: Path, position: int) -> int:
    """Give the position of the first line that begins, or will begin, at or behind a place in the log."""
    with LogFile(path) as file:
        position = min(position, _whole_size(file))
        if position <= file.first:
            return file.first
        file.seek(position - 1)
        return position - 1 + len(file.readline(_LONGEST_LINE))


def count_lines(path: Path, start: int, end: int) -> tuple[int, int]:
    """Give how many lines there are between two positions, and the time of the last one."""
    lines, at = 0, 0
    while start < end and (found := lines_from(path, start, most_bytes=min(4 * BLOCK, end - start))):
        lines, at, start = lines + len(found), found[-1].at, found[-1].end
    return lines, at


def _whole_size(file: LogFile) -> int:
    """Give where the last whole line ends: the writer may be in the middle of one."""
    return _line_start(file, file.seek(0, 2))


def _start_of_last(file: LogFile, count: int, *, first: int, size: int) -> int:
    """Find backwards where the last `count` lines begin, not before `first`."""
    position, wanted = size, count + 1  # the last line's own end counts too
    while position > first:
        start = max(position - BLOCK, first)
        file.seek(start)
        block = file.read(position - start)
        newlines = block.count(b"\n")
        if newlines >= wanted:
            index = len(block)
            for _ in range(wanted):
                index = block.rindex(b"\n", 0, index)
            return start + index + 1
        wanted -= newlines
        position = start
    return first


def _after(file: LogFile, since: int) -> int:
    """Find by bisection where the first line after a time begins."""
    low, high = file.first, _whole_size(file)
    while low < high:
        middle = (low + high) // 2
        start = _line_start(file, middle)
        file.seek(start)
        line = file.readline(_LONGEST_LINE)
        if _time_of(line) > since:
            high = start
        else:
            low = max(start + len(line), middle + 1)
    return low


def _line_start(file: LogFile, position: int) -> int:
    """Find where the line around a position begins."""
    start = max(position - _LONGEST_LINE, file.first)
    file.seek(start)
    newline = file.read(max(position - start, 0)).rfind(b"\n")
    return start + newline + 1 if newline >= 0 else start


def _time_of(line: bytes) -> int:
    return int(line.partition(b" ")[0]) if _WHOLE.match(line) else 0


def _lines(file: LogFile, start: int, end: int) -> Iterator[Line]:
    file.seek(start)
    return _parsed(file.read(end - start), start)


def _parsed(content: bytes, position: int) -> Iterator[Line]:
    for line in content.split(b"\n")[:-1]:
        position += len(line) + 1
        if not _WHOLE.match(line):  # torn by a full disk
            continue
        at, source, message = line.split(b" ", 2)
        node = None if source[:-1] == b"-" else int(source[:-1])
        yield Line(int(at), message.decode("utf-8", "replace"), _STREAMS[source[-1:]], node, position)
