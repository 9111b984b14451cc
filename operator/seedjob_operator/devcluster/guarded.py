"""Programs that never outlive the process that started them."""

import contextlib
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from seedjob_operator.devcluster.pins import ROOM

# The guard needs this long to notice, signal and report, on top of the program's own grace.
_GUARD_SECONDS: Final = 3.0


class GuardedProcess:
    """One running program under a guard of its own (`guard.py` says how it ends)."""

    def __init__(self, guard: subprocess.Popen[bytes], *, grace_seconds: float) -> None:
        self._guard = guard
        self._grace_seconds = grace_seconds

    @classmethod
    def start(
        cls,
        command: Sequence[str | Path],
        *,
        output: int | IO[bytes],
        errors: int | IO[bytes],
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
        grace_seconds: float = 2.0,
    ) -> Self:
        """Start a program. `output` and `errors` are as `subprocess.Popen` takes `stdout` and `stderr`.

        A program that can't be run shows as exit code 127 with its reason on `errors`.
        """
        guard = subprocess.Popen(
            [sys.executable, "-I", "-S", ROOM / "guard.py", str(grace_seconds), *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=errors,
            env=environment,
            cwd=directory,
            start_new_session=True,  # Ctrl-C is for the owner, who then stops the guards in order
        )
        return cls(guard, grace_seconds=grace_seconds)

    @property
    def output(self) -> IO[bytes]:
        """The program's standard output, if it was started with `subprocess.PIPE`."""
        if self._guard.stdout is None:
            raise ValueError("This program was not started with output=subprocess.PIPE.")
        return self._guard.stdout

    def poll(self) -> int | None:
        """The exit code, or None while the program runs."""
        return self._guard.poll()

    def wait(self) -> int:
        """Wait for the program's own end; returns its exit code."""
        return self._guard.wait()

    def begin_to_stop(self) -> None:
        """Order the stop without waiting for it."""
        if self._guard.stdin is not None:
            self._guard.stdin.close()

    def stop(self) -> None:
        """End the program if it still runs, and wait until it is gone."""
        self.begin_to_stop()
        try:
            self._guard.wait(self._grace_seconds + _GUARD_SECONDS)
        except subprocess.TimeoutExpired:
            self._guard.kill()
            self._guard.wait()
        if self._guard.stdout is not None:
            with contextlib.suppress(OSError):
                self._guard.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
