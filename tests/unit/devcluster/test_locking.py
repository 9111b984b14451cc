"""`exclusive`: two runs at once don't spoil the cache."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from seedjob_operator.devcluster.locking import exclusive
from unit.devcluster.recording import Recording


class SignallingProgress(Recording):
    """Tells when it is first told something."""

    def __init__(self) -> None:
        super().__init__()
        self.told = threading.Event()

    def say(self, text: str) -> None:
        super().say(text)
        self.told.set()


def test_the_first_run_waits_for_nobody(tmp_path: Path) -> None:
    progress = Recording()
    with exclusive(tmp_path / "cache", doing="get etcd", progress=progress):
        assert progress.said == []


def test_the_second_run_says_for_what_it_waits_and_enters_when_the_first_is_done(tmp_path: Path) -> None:
    order: list[str] = []
    progress = SignallingProgress()

    def second_run() -> None:
        with exclusive(tmp_path, doing="get etcd", progress=progress):
            order.append("second")

    second = threading.Thread(target=second_run)
    with exclusive(tmp_path, doing="get kube-apiserver and etcd", progress=Recording()):
        second.start()
        assert progress.told.wait(90)
        order.append("first")
    second.join(90)
    assert order == ["first", "second"]
    assert progress.said == [
        f"waiting for process {os.getpid()}, which started to get kube-apiserver and etcd: both use {tmp_path}"
    ]


def test_a_failed_run_frees_the_cache(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), exclusive(tmp_path, doing="get etcd", progress=Recording()):
        raise KeyboardInterrupt
    progress = Recording()
    with exclusive(tmp_path, doing="get etcd", progress=progress):
        assert progress.said == []
