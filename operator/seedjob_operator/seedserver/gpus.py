"""What processes use of this machine's NVIDIA GPUs, where there are any and the NVML library (`nvidia-ml-py`) is installed."""

import importlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

_GB = 1024**3


@dataclass(frozen=True, slots=True)
class GpuUse:
    """The mean utilization, in percent, of the GPUs that some processes are on, and the memory that these use in GB."""

    utilization: float
    memory_gb: float


@dataclass(frozen=True, slots=True)
class _Gpu:
    """A GPU at a moment: its utilization in percent, and the bytes that each process uses on it."""

    utilization: float
    bytes_by_pid: dict[int, int]


class Gpus:
    """One look at all GPUs, to be asked for the processes of one job after another."""

    def __init__(self, seen: Collection[_Gpu] = ()) -> None:
        self._seen = seen

    def use_of(self, pids: Collection[int]) -> GpuUse | None:
        """Give what some processes use; None where they are on no GPU."""
        theirs = [gpu for gpu in self._seen if not gpu.bytes_by_pid.keys().isdisjoint(pids)]
        if not theirs:
            return None
        used = sum(gpu.bytes_by_pid.get(pid, 0) for gpu in theirs for pid in pids)
        utilization = sum(gpu.utilization for gpu in theirs) / len(theirs)
        return GpuUse(utilization=round(utilization, 1), memory_gb=round(used / _GB, 4))


class GpuMeter:
    """Looks at the GPUs. Without a library, a driver or a GPU there is nothing to see."""

    def __init__(self) -> None:
        try:
            self._nvml: Any = importlib.import_module("pynvml")
            self._nvml.nvmlInit()
            count = self._nvml.nvmlDeviceGetCount()
            self._handles = [self._nvml.nvmlDeviceGetHandleByIndex(index) for index in range(count)]
        except Exception:  # noqa: BLE001  # the library's own errors are known only where it is installed
            self._handles = []

    def look(self) -> Gpus:
        """Look at all GPUs; one that doesn't answer now is left out."""
        return Gpus([gpu for handle in self._handles if (gpu := self._gpu(handle)) is not None])

    def _gpu(self, handle: Any) -> _Gpu | None:
        try:
            utilization = float(self._nvml.nvmlDeviceGetUtilizationRates(handle).gpu)
            processes = self._nvml.nvmlDeviceGetComputeRunningProcesses(handle)
        except self._nvml.NVMLError:
            return None
        return _Gpu(utilization, {process.pid: process.usedGpuMemory or 0 for process in processes})
