"""Which processes are there: the proof that nothing is left running."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import psutil


def processes_of(directory: Path) -> list[str]:
    """Command lines of the processes that name a folder in theirs."""
    return [" ".join(words) for words in _command_lines() if any(str(directory) in word for word in words)]


def wait_for_workers(mark: Path, *, count: int) -> None:
    """Wait for processes that have the mark as an argument (a shell that has yet to start them has it in its script)."""
    deadline = time.monotonic() + 90
    while sum(str(mark) in words for words in _command_lines()) < count:
        assert time.monotonic() < deadline, processes_of(mark)
        time.sleep(0.05)


def wait_for_program(directory: Path, ending: str) -> None:
    """Wait for a process that names the folder, and whose program's path has that ending."""
    deadline = time.monotonic() + 90
    while not any(line.split()[0].endswith(ending) for line in processes_of(directory)):
        assert time.monotonic() < deadline, processes_of(directory)
        time.sleep(0.02)


def _command_lines() -> Iterator[list[str]]:
    for process in psutil.process_iter(["cmdline", "status"]):
        if process.info["status"] != psutil.STATUS_ZOMBIE:
            yield process.info["cmdline"] or []


def wait_until_none(directory: Path, *, seconds: float) -> list[str]:
    """Wait until no such process is left; returns those that still are."""
    deadline = time.monotonic() + seconds
    while (left := processes_of(directory)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left
