"""Progress for people: a live line on a terminal, a plain line every 15 seconds elsewhere."""

import sys
import time
from collections.abc import Callable
from typing import Final, Protocol, TextIO

PLAIN_LINE_EVERY_SECONDS: Final = 15.0
_ERASE_LINE: Final = "\r\x1b[K"


class Progress(Protocol):
    """How slow steps tell what they do and how far they are."""

    def say(self, text: str) -> None:
        """Tell a fact that stays on the screen."""

    def update(self, text: str) -> None:
        """Tell how far the present step is; the next update replaces it."""


class Console:
    """Writes progress to a stream, which may be a terminal, a pipe or a CI log."""

    def __init__(self, stream: TextIO, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._is_terminal = stream.isatty()
        self._live = False
        self._last_plain_line = clock()

    def say(self, text: str) -> None:
        """Write a line, in place of the live one."""
        self._stream.write(f"{_ERASE_LINE if self._live else ''}{text}\n")
        self._stream.flush()
        self._live = False
        self._last_plain_line = self._clock()

    def update(self, text: str) -> None:
        """Replace the live line; without a terminal, write a line if the last one is 15 s old."""
        if self._is_terminal:
            self._stream.write(f"{_ERASE_LINE}{text}")
            self._stream.flush()
            self._live = True
        elif self._clock() - self._last_plain_line >= PLAIN_LINE_EVERY_SECONDS:
            self.say(text)


def terminal() -> Console:
    """Progress on standard error, so that standard output carries results only."""
    return Console(sys.stderr)


def duration(seconds: float) -> str:
    """Write a length of time as people say it: `45 s`, `2 min 5 s`."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def size(byte_count: int) -> str:
    """Write a size as `106 MB` or `2.1 GB` (decimal units)."""
    return f"{byte_count / 1e9:.1f} GB" if byte_count >= 1e9 else f"{byte_count / 1e6:.0f} MB"
