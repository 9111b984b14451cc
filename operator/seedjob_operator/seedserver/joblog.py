"""Reads a job's log from disk: its end, from a time on, or from a position on.

A position is the offset in bytes behind a line, so that it stays good for as long as the log is there.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from seedjob_operator.seedapi.wire import LogStream

BLOCK = 65536
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
    with _opened(path) as file:
        first = 0 if since is None else _after(file, since)
        size = _whole_size(file)
        start = _start_of_last(file, count, first=first, size=size)
        return list(_lines(file, start, size))


def lines_after(path: Path, since: int, *, most: int) -> list[Line]:
    """Give the first `most` lines after a time."""
    with _opened(path) as file:
        start, size = _after(file, since), _whole_size(file)
        return [line for line, _ in zip(_lines(file, start, size), range(most), strict=False)]


def lines_from(path: Path, position: int, *, most_bytes: int = 4 * BLOCK) -> list[Line]:
    """Give the lines from a position on, as many whole ones as stand in the next `most_bytes`."""
    with _opened(path) as file:
        file.seek(position)
        content = file.read(most_bytes)
    whole = content[: content.rfind(b"\n") + 1]
    return list(_parsed(whole, position))


def position_after(path: Path, since: int) -> int:
    """Give the position of the first line after a time."""
    with _opened(path) as file:
        return _after(file, since)


def position_of_last(path: Path, count: int) -> int:
    """Give the position of the first of the last `count` lines."""
    with _opened(path) as file:
        return _start_of_last(file, count, first=0, size=_whole_size(file))


def next_line(path: Path, position: int) -> int:
    """Give the position of the first line that begins at or behind a place in the log."""
    with _opened(path) as file:
        file.seek(max(position - 1, 0))
        return position if position == 0 else position - 1 + len(file.readline())


def count_lines(path: Path, start: int, end: int) -> tuple[int, int]:
    """Give how many lines there are between two positions, and the time of the last one."""
    lines, at = 0, 0
    while start < end and (found := lines_from(path, start, most_bytes=min(4 * BLOCK, end - start))):
        lines, at, start = lines + len(found), found[-1].at, found[-1].end
    return lines, at


def is_position(path: Path, position: int) -> bool:
    """Whether a line begins, or will begin, at a position."""
    if position == 0:
        return True
    with _opened(path) as file:
        size = file.seek(0, 2)
        file.seek(position - 1)
        return position <= size and file.read(1) == b"\n"


def size_of(path: Path) -> int:
    """Give the bytes of the log so far; 0 before it exists."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except FileNotFoundError:
        return io.BytesIO()


def _whole_size(file: BinaryIO) -> int:
    """Give where the last whole line ends: the writer may be in the middle of one."""
    size = file.seek(0, 2)
    while size:
        start = max(size - BLOCK, 0)
        file.seek(start)
        newline = file.read(size - start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        size = start
    return 0


def _start_of_last(file: BinaryIO, count: int, *, first: int, size: int) -> int:
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


def _after(file: BinaryIO, since: int) -> int:
    """Find by bisection where the first line after a time begins."""
    low, high = 0, _whole_size(file)
    while low < high:
        middle = (low + high) // 2
        start = _line_start(file, middle)
        file.seek(start)
        line = file.readline()
        if int(line.split(b" ", 1)[0]) > since:
            high = start
        else:
            low = start + len(line)
    return low


def _line_start(file: BinaryIO, position: int) -> int:
    """Find where the line around a position begins."""
    while position:
        start = max(position - BLOCK, 0)
        file.seek(start)
        newline = file.read(position - start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        position = start
    return 0


def _lines(file: BinaryIO, start: int, end: int) -> Iterator[Line]:
    file.seek(start)
    return _parsed(file.read(end - start), start)


def _parsed(content: bytes, position: int) -> Iterator[Line]:
    for line in content.split(b"\n")[:-1]:
        position += len(line) + 1
        at, source, message = line.split(b" ", 2)
        node = None if source[:-1] == b"-" else int(source[:-1])
        yield Line(int(at), message.decode("utf-8", "replace"), _STREAMS[source[-1:]], node, position)
