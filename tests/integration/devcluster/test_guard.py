"""`guard.py`: a program never outlives its owner, however that ends."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from integration.devcluster.living import wait_for_workers, wait_until_none
from seedjob_operator.devcluster.guarded import GuardedProcess

OWNER = """
import subprocess, sys
from seedjob_operator.devcluster.guarded import GuardedProcess
GuardedProcess.start(["sh", "-c", sys.argv[1]], output=subprocess.DEVNULL, errors=subprocess.DEVNULL)
print("started", flush=True)
sys.stdin.read()
"""


def start(script: str, *, grace_seconds: float = 2.0) -> GuardedProcess:
    command = ["sh", "-c", script]
    return GuardedProcess.start(
        command, output=subprocess.DEVNULL, errors=subprocess.DEVNULL, grace_seconds=grace_seconds
    )


def with_children(mark: Path) -> str:
    """A shell script that runs two processes that name the mark, one of them in the background."""
    child = f"{sys.executable} -c 'import time; time.sleep(600)' {mark}"
    return f"{child} & {child}"


@pytest.mark.parametrize("code", [0, 3])
def test_the_programs_exit_code_is_passed_on(code: int) -> None:
    with start(f"exit {code}") as process:
        assert process.wait() == code


def test_a_program_killed_by_a_signal_has_the_exit_code_that_shells_give_it() -> None:
    with start("kill -9 $$") as process:
        assert process.wait() == 137


def test_a_program_that_is_not_there_is_said_on_its_error_output(tmp_path: Path) -> None:
    command = [tmp_path / "missing"]
    with GuardedProcess.start(command, output=subprocess.PIPE, errors=subprocess.STDOUT) as process:
        assert b"missing: No such file or directory" in process.output.read()
        assert process.wait() == 127


def test_stopping_ends_what_the_program_started_too(tmp_path: Path) -> None:
    with start(with_children(tmp_path)):
        wait_for_workers(tmp_path, count=2)
    assert wait_until_none(tmp_path, seconds=60) == []


def test_what_a_program_leaves_behind_at_its_own_end_is_ended(tmp_path: Path) -> None:
    child = f"{sys.executable} -c 'import time; time.sleep(600)' {tmp_path}"
    with start(f"{child} & exit 0") as process:
        assert process.wait() == 0
        assert wait_until_none(tmp_path, seconds=60) == []


def test_a_program_that_ignores_sigterm_is_killed_after_its_grace(tmp_path: Path) -> None:
    script = f"trap '' TERM; exec {sys.executable} -c 'import time; time.sleep(600)' {tmp_path}"
    process = start(script, grace_seconds=0.5)
    wait_for_workers(tmp_path, count=1)
    began = time.monotonic()
    process.stop()
    assert wait_until_none(tmp_path, seconds=60) == []
    assert 0.4 < time.monotonic() - began < 30


def test_it_runs_on_when_the_thread_that_started_it_ends(tmp_path: Path) -> None:
    """A parent-death signal of the kernel's fires when the starting thread ends."""
    started: list[GuardedProcess] = []
    thread = threading.Thread(target=lambda: started.append(start(with_children(tmp_path))))
    thread.start()
    thread.join()
    with started[0] as process:
        wait_for_workers(tmp_path, count=2)
        time.sleep(0.3)
        assert process.poll() is None


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_when_the_owner_is_ended_by_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, with_children(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"started\n"
        wait_for_workers(tmp_path, count=2)
        owner.send_signal(number)
        owner.wait(60)
    assert wait_until_none(tmp_path, seconds=60) == []


def test_the_program_ends_with_its_guard_too(tmp_path: Path) -> None:
    script = f"exec {sys.executable} -c 'import time; time.sleep(600)' {tmp_path}"
    process = start(script)
    wait_for_workers(tmp_path, count=1)
    for child in psutil.Process(os.getpid()).children():
        with contextlib.suppress(psutil.Error):  # other tests' children may be ending just now
            if str(tmp_path) in " ".join(child.cmdline()) and "guard.py" in " ".join(child.cmdline()):
                child.kill()
    assert process.wait() == -9
    assert wait_until_none(tmp_path, seconds=60) == []
    process.stop()
