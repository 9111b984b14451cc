"""A job's log as one file, though its writer cuts it into segments and drops the oldest ones.

Each segment is named by the position of its first byte, so that positions stay good when the beginning is gone.
"""

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

from seedjob_operator.seedserver.supervisor import joblog
from seedjob_operator.seedserver.supervisor.files import is_missing, open_plain, plain_size

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class LogFile(io.BufferedReader):
    """A log to be read at positions; what stood before `first` is gone, and nothing is read there."""

    def __init__(self, folder: Path) -> None:
        joined = _Joined(folder)
        super().__init__(joined)
        self.first = joined.first


class _Joined(io.RawIOBase):
    """The segments that are there, joined. All are open, so that none goes away while it is read."""

    def __init__(self, folder: Path) -> None:
        self._segments = [(base, file) for base in bases(folder) if (file := _opened(folder / str(base))) is not None]
        self.first = self._segments[0][0] if self._segments else 0
        self._at = self.first

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at}.get(whence)
        self._at = (self._end() if start is None else start) + offset
        return self._at

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        for base, file in reversed(self._segments):
            if base <= self._at:
                file.seek(self._at - base)
                read = file.readinto(buffer) or 0
                self._at += read
                return read
        return 0

    def close(self) -> None:
        for _, file in self._segments:
            file.close()
        super().close()

    def _end(self) -> int:
        if not self._segments:
            return 0
        base, file = self._segments[-1]
        return base + file.seek(0, os.SEEK_END)


def bases(folder: Path) -> list[int]:
    """Give the positions at which the segments begin; none before the log exists."""
    try:
        return joblog.bases(str(folder))
    except OSError as error:
        if is_missing(error):
            return []
        raise


def first_position(folder: Path) -> int:
    """Give where the log begins: 0, or more when its beginning was dropped."""
    return next(iter(bases(folder)), 0)


def size_of(folder: Path) -> int:
    """Give where the log ends: the bytes that were ever written to it."""
    last = bases(folder)[-1:]
    return last[0] + (plain_size(str(folder / str(last[0]))) or 0) if last else 0


def _opened(path: Path) -> io.FileIO | None:
    try:
        return io.FileIO(open_plain(str(path), os.O_RDONLY))
    except OSError as error:
        if is_missing(error):  # it was dropped just now
            return None
        raise
