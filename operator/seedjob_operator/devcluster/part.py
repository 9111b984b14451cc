"""One running program of the control plane, with its log."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

from seedjob_operator.devcluster.errors import PartDiedError
from seedjob_operator.devcluster.finding import Binary
from seedjob_operator.devcluster.guarded import GuardedProcess

_LAST_LINES: Final = 5
_TAIL_BYTES: Final = 16_384


class Part:
    """A program that should run until it is stopped."""

    def __init__(self, name: str, process: GuardedProcess, *, log: Path) -> None:
        self.name = name
        self._process = process
        self._log = log

    @classmethod
    def start(cls, binary: Binary, flags: Sequence[str], *, directory: Path, grace_seconds: float) -> Self:
        """Start it in a folder, where its log is appended to `NAME.log`."""
        log = directory / f"{binary.name}.log"
        with log.open("ab") as output:
            process = GuardedProcess.start(
                [binary.path, *flags], output=output, errors=output, directory=directory, grace_seconds=grace_seconds
            )
        return cls(binary.name, process, log=log)

    def check(self) -> None:
        """See that it runs.

        Raises:
            PartDiedError: it ended by itself.
        """
        code = self._process.poll()
        if code is not None:
            last_lines = "\n  ".join(self.last_lines())
            raise PartDiedError(f"{self.name} ended with exit code {code}; {self._log} ends with:\n  {last_lines}")

    def last_lines(self) -> list[str]:
        """The end of its log."""
        with self._log.open("rb") as file:
            file.seek(max(0, self._log.stat().st_size - _TAIL_BYTES))
            return file.read().decode(errors="replace").splitlines()[-_LAST_LINES:]

    def begin_to_stop(self) -> None:
        """Order the stop without waiting for it."""
        self._process.begin_to_stop()

    def stop(self) -> None:
        """Stop it and wait until it is gone."""
        self._process.stop()
