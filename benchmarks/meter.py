"""What a process costs: CPU time and peak memory."""

import asyncio
import contextlib

import psutil

_LOOK_EVERY_SECONDS = 0.1


class Meter:
    """Follows one process until it ends."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self._peak = 0
        self._cpu = 0.0
        self._looking = asyncio.create_task(self._look())

    @property
    def peak_megabytes(self) -> float:
        """The largest resident size that was seen."""
        return self._peak / 1e6

    def cpu(self) -> float:
        """Give the CPU seconds, user and system, that it has taken since its start."""
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            times = self._process.cpu_times()
            self._cpu = times.user + times.system
        return self._cpu

    def megabytes(self) -> float:
        """Give its resident size now."""
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            return float(self._process.memory_info().rss) / 1e6
        return 0.0

    async def _look(self) -> None:
        while self._process.is_running():
            self._peak = max(self._peak, int(self.megabytes() * 1e6))
            self.cpu()
            await asyncio.sleep(_LOOK_EVERY_SECONDS)

    def stop(self) -> None:
        """Look no more."""
        self._looking.cancel()
