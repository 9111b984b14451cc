"""A job's log on disk: one line of output a line, with its time, node and stream.

A line is `<microseconds since 1970> <node><o|e> <message>`; the platform's own notes have `-` for the node. Times never
go back, and only lines that were written together have the same, so that a reader can search by them and go on from one.

The log is a folder of segments, each named by how many bytes were written before it. When all become too long together
the oldest are removed.
"""

import os
import time

from seedjob_operator.seedserver.supervisor.files import number_of, open_plain, plain_size

_LONGEST_LINE = 65536  # longer ones are cut, so that memory is bounded where a job writes no line's end
_SEGMENTS = 8  # of a full log, so that an eighth of it is dropped at a time
_AT_ONCE = 1000  # lines of the same time
_LARGEST_SEGMENT = 1 << 38
"""Twice an eighth of the largest --log-limit-mib; what is larger is a job's own file, maybe with holes."""
_NOTE = 128  # the longest note on what was dropped, with its head
_MIB = 1 << 20


class JobLog:
    """Appends to the log. A full disk loses lines, but doesn't end the job. `limit` is in bytes; 0 is none."""

    def __init__(self, path: str, *, limit: int = 0) -> None:
        self._path, self._limit = path, limit
        os.makedirs(path, mode=0o700, exist_ok=True)  # noqa: PTH103  # see files
        self._bases = bases(path) or [0]
        self._descriptor = self._opened(self._bases[-1])
        self._size = os.fstat(self._descriptor).st_size
        self._partial: dict[str, bytes] = {}
        try:
            self._last = self._go_on_from(self._read_end())
        except BaseException:
            self.close()
            raise

    def _go_on_from(self, end: bytes) -> int:
        """Cut off a line that a killed supervisor left torn; give the last whole line's time."""
        torn = len(end) - end.rfind(b"\n") - 1
        if torn:
            self._size -= torn
            self._undo()
        return _time_of_last(end)

    def note(self, text: str) -> None:
        """Write a line of the platform's own: one, whatever it quotes."""
        line = text.replace("\n", " ").replace("\r", " ")
        self._append("-e", [line.encode("utf-8", "surrogateescape")])

    def feed(self, source: str, data: bytes) -> None:
        """Take output of a source (`0o`: node 0, stdout), in pieces of any size."""
        data = self._partial.pop(source, b"") + data
        held = b"\r" if data.endswith(b"\r") else b""  # may be the first half of a line's end
        *lines, rest = _split(data[: len(data) - len(held)])
        if len(rest) >= _LONGEST_LINE:
            lines, rest = [*lines, rest], b""
        if rest or held:
            self._partial[source] = rest + held
        self._append(source, lines)

    def close_source(self, source: str) -> None:
        """Write what a source said last, without the end of a line."""
        rest = self._partial.pop(source, b"").rstrip(b"\r")
        if rest:
            self._append(source, [rest])

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def _append(self, source: str, lines: list[bytes]) -> None:
        for start in range(0, len(lines), _AT_ONCE):
            self._append_at_once(source, lines[start : start + _AT_ONCE])

    def _append_at_once(self, source: str, lines: list[bytes]) -> None:
        self._last = max(self._last + 1, time.time_ns() // 1000)
        head = f"{self._last} {source} ".encode()
        data = b"".join(head + part + b"\n" for line in lines for part in _cut(line))
        try:
            self._make_room(len(data))
            self._write(data)
        except OSError:
            self._undo()

    def _undo(self) -> None:
        """Cut off what was written of a line and not to its end: the next one would be glued to it."""
        try:  # noqa: SIM105  # contextlib would cost each supervisor a millisecond
            os.ftruncate(self._descriptor, self._size)
        except OSError:
            pass

    def _write(self, data: bytes) -> None:
        written = os.write(self._descriptor, data)
        if written < len(data):
            raise OSError("the disk is full")
        self._size += written

    def _read_end(self) -> bytes:
        if not self._size:
            return b""
        descriptor = open_plain(f"{self._path}/{self._bases[-1]}", os.O_RDONLY)
        with open(descriptor, "rb") as file:  # noqa: PTH123  # see files
            file.seek(max(self._size - 2 * (_LONGEST_LINE + _NOTE), 0))
            return file.read()

    def _make_room(self, more: int) -> None:
        """Begin a new segment where the last one is full, and remove the oldest if all were too long with it."""
        segment = self._limit // _SEGMENTS
        if not self._limit or not self._size or self._size + more <= segment:
            return
        start = self._bases[-1] + self._size
        fresh = self._opened(start)
        os.close(self._descriptor)
        self._descriptor, self._size = fresh, 0
        kept = [base for base in self._bases if start + max(more, segment) + _NOTE - base <= self._limit]
        dropped = self._bases[: len(self._bases) - len(kept)]
        self._bases = [*kept, start]
        for base in dropped:
            os.unlink(f"{self._path}/{base}")  # noqa: PTH108  # see files
        if dropped:
            self._note_dropped(self._bases[0] - dropped[0])

    def _note_dropped(self, size: int) -> None:
        limit = f"{self._limit // _MIB} MiB"
        words = f"seed: a job's log may have {limit} here: the oldest {size} bytes of this one were dropped"
        self._write(f"{self._last} -e {words}\n".encode())

    def _opened(self, base: int) -> int:
        return open_plain(f"{self._path}/{base}", os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def _time_of_last(end: bytes) -> int:
    """Give the last whole line's time: the clock may have been set back since that was written."""
    line = end[: end.rfind(b"\n") + 1].removesuffix(b"\n").rpartition(b"\n")[2]
    at = line.partition(b" ")[0]
    return number_of(at.decode("ascii", "replace")) or 0


def bases(path: str) -> list[int]:
    """Give the positions at which a log's segments begin.

    A job may have put other files beside them: a segment begins where the one before it ends, and of several rows that do
    so the log is the one with the most bytes.
    """
    names = os.listdir(path)  # noqa: PTH208  # see files
    found = [base for name in names if (base := number_of(name)) is not None and str(base) == name]
    rows: list[tuple[int, list[int]]] = []
    end = -1
    for base in sorted(found):
        size = plain_size(f"{path}/{base}")
        if size is None or size > _LARGEST_SEGMENT:
            continue
        if base == end:
            rows[-1] = (rows[-1][0] + size, [*rows[-1][1], base])
        else:
            rows.append((size, [base]))
        end = base + size
    return max(rows, key=lambda row: row[0])[1] if rows else []


def _split(data: bytes) -> list[bytes]:
    """Split into lines; a lone carriage return, with which progress bars redraw themselves, ends one too."""
    lines = data.replace(b"\r\n", b"\n").split(b"\n")
    if b"\r" not in data:
        return lines
    last = lines.pop()
    redrawn = [part for line in lines for part in (line.split(b"\r") if b"\r" in line else [line])]
    return redrawn + last.split(b"\r")


def _cut(line: bytes) -> list[bytes]:
    if len(line) <= _LONGEST_LINE:
        return [line]
    return [line[start : start + _LONGEST_LINE] for start in range(0, len(line), _LONGEST_LINE)]
