"""Follows what a slow program prints, and lets time pass visibly while it prints nothing."""

import queue
import threading
from collections.abc import Iterator
from typing import IO, Final

TICK_SECONDS: Final = 0.5


def lines_and_ticks(stream: IO[bytes]) -> Iterator[str | None]:
    """Yield each line as it comes, without its end, and None for each half second without one; ends with the stream."""
    lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()

    def read() -> None:
        try:
            for line in stream:
                lines.put(line)
        finally:
            lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=TICK_SECONDS)
        except queue.Empty:
            yield None
            continue
        if line is None:
            return
        yield line.decode(errors="replace").rstrip()
