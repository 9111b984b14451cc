"""A job's log on disk: one line of output a line, with its time, node and stream.

A line is `<microseconds since 1970> <node><o|e> <message>`; the platform's own notes have `-` for the node. Times never
go back, so that a reader can search by them.
"""

import os
import time

_LONGEST_LINE = 65536


class JobLog:
    """Appends to the log. A full disk loses lines, but doesn't end the job."""

    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._partial: dict[str, bytes] = {}
        self._last = 0

    def note(self, text: str) -> None:
        """Write a line of the platform's own."""
        self._append("-e", [text.encode("utf-8", "surrogateescape")])

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
        if not lines:
            return
        self._last = max(self._last, time.time_ns() // 1000)
        head = f"{self._last} {source} ".encode()
        try:
            os.write(self._descriptor, b"".join(head + part + b"\n" for line in lines for part in _cut(line)))
        except OSError:
            return


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
