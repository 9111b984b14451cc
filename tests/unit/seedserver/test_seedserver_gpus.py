"""GPU figures, by an NVML library of the test's own: no machine of ours has a GPU."""

import sys
from collections.abc import Mapping
from types import ModuleType, SimpleNamespace

import pytest

from seedjob_operator.seedserver.gpus import GpuMeter, GpuUse

GB = 1024**3


class NVMLError(Exception):
    """What the library raises."""


def nvml(*gpus: tuple[int, Mapping[int, int | None]]) -> ModuleType:
    """Make the library as it is on a machine with some GPUs, given as (utilization, bytes by process)."""

    def processes(index: int) -> list[SimpleNamespace]:
        if gpus[index][0] < 0:
            raise NVMLError
        return [SimpleNamespace(pid=pid, usedGpuMemory=used) for pid, used in gpus[index][1].items()]

    module = ModuleType("pynvml")
    module.__dict__.update(
        NVMLError=NVMLError,
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: len(gpus),
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetUtilizationRates=lambda index: SimpleNamespace(gpu=gpus[index][0]),
        nvmlDeviceGetComputeRunningProcesses=processes,
    )
    return module


def test_a_job_has_the_figures_of_the_gpus_that_it_is_on(monkeypatch: pytest.MonkeyPatch) -> None:
    library = nvml((90, {10: 2 * GB, 99: 5 * GB}), (30, {11: GB, 12: None}), (100, {99: GB}))
    monkeypatch.setitem(sys.modules, "pynvml", library)
    gpus = GpuMeter().look()
    assert gpus.use_of([10, 11, 12]) == GpuUse(utilization=60.0, memory_gb=3.0)
    assert gpus.use_of([99]) == GpuUse(utilization=95.0, memory_gb=6.0)
    assert gpus.use_of([7]) is None, "it is on none"


def test_a_gpu_that_does_not_answer_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", nvml((-1, {1: GB}), (50, {1: GB})))
    assert GpuMeter().look().use_of([1]) == GpuUse(utilization=50.0, memory_gb=1.0)


def test_without_a_library_or_a_driver_there_are_no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert GpuMeter().look().use_of([1]) is None
    broken = nvml((50, {1: GB}))
    monkeypatch.setattr(broken, "nvmlInit", lambda: (_ for _ in ()).throw(NVMLError("driver not loaded")))
    monkeypatch.setitem(sys.modules, "pynvml", broken)
    assert GpuMeter().look().use_of([1]) is None
