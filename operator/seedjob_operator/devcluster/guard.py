"""Runs one program and ends it, with all that it started, when whoever started the guard is gone.

Usage: `python guard.py GRACE_SECONDS PROGRAM [ARGUMENT...]`, with standard input a pipe that its owner never writes
to. The end of that pipe is the order to stop: it comes by itself however the owner ends, also by SIGKILL, on every
system, and whichever thread started the guard (a parent-death signal alone would fire when that thread ends).
The program gets SIGTERM, GRACE_SECONDS later SIGKILL. Run with `python -I -S`: nothing but the standard library here.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Final

CANNOT_RUN: Final = 127
_PR_SET_PDEATHSIG: Final = 1


def _die_with(guard: int) -> Callable[[], None]:
    """Make the program end also when the guard itself is killed (Linux)."""
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def in_the_program() -> None:
        if libc is not None:
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != guard:  # it was killed before the line above
            os._exit(1)

    return in_the_program


def _signal_all(program: subprocess.Popen[bytes], number: signal.Signals) -> None:
    # PermissionError is macOS's answer for a group of which only ended processes are left.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(program.pid, number)


def _end(program: subprocess.Popen[bytes], grace_seconds: float) -> None:
    _signal_all(program, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        program.wait(grace_seconds)
    _signal_all(program, signal.SIGKILL)


def _end_after_owner(program: subprocess.Popen[bytes], grace_seconds: float) -> None:
    while os.read(0, 4096):
        pass
    _end(program, grace_seconds)


def main(grace_seconds: float, command: list[str]) -> int:
    """Run the command to its end or the owner's; returns its exit code (128 + the signal's number if killed)."""
    try:
        program = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_die_with(os.getpid()),  # noqa: PLW1509 - no thread runs yet
        )
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        return CANNOT_RUN
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=_end, args=(program, grace_seconds)).start())
    threading.Thread(target=_end_after_owner, args=(program, grace_seconds), daemon=True).start()
    code = program.wait()
    _signal_all(program, signal.SIGKILL)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    exit_code = main(float(sys.argv[1]), sys.argv[2:])
    sys.stderr.flush()
    os._exit(exit_code)  # without waiting for the thread that reads the pipe
