"""One run at a time changes the cache folder; a second one waits and says for what."""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import filelock

from seedjob_operator.devcluster.console import Progress, duration

_RETRY_SECONDS: Final = 0.5


@contextlib.contextmanager
def exclusive(folder: Path, *, doing: str, progress: Progress) -> Iterator[None]:
    """Hold the folder's lock during the block; the system frees it when the process ends, however that happens.

    `doing` is what a run that waits for this one is told, such as `get kube-apiserver and etcd`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    note = folder / "lock.holder"
    with _acquired(folder / "lock", note=note, progress=progress):
        note.write_text(f"process {os.getpid()}, which started to {doing}", encoding="utf-8")
        try:
            yield
        finally:
            note.unlink(missing_ok=True)


@contextlib.contextmanager
def _acquired(path: Path, *, note: Path, progress: Progress) -> Iterator[None]:
    lock = filelock.FileLock(path)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        _wait_for(lock, note=note, progress=progress)
    try:
        yield
    finally:
        lock.release()


def _wait_for(lock: filelock.BaseFileLock, *, note: Path, progress: Progress) -> None:
    began = time.monotonic()
    progress.say(f"waiting for {_holder(note)}: both use {note.parent}")
    while True:
        try:
            lock.acquire(timeout=_RETRY_SECONDS)
        except filelock.Timeout:
            progress.update(f"waiting for {_holder(note)} for {duration(time.monotonic() - began)}")
        else:
            return


def _holder(note: Path) -> str:
    try:
        return note.read_text(encoding="utf-8") or "another run"
    except OSError:
        return "another run"
