"""Measures what the processes of running jobs use: one look at the machine for all jobs together."""

import time
from collections.abc import Mapping
from dataclasses import replace

import psutil

from seedjob_operator.seedserver.gpus import GpuMeter
from seedjob_operator.seedserver.records import MICROSECONDS, Sample

_GB = 1024**3


class Sampler:
    """Remembers each job's CPU time of the last look, because utilization is a difference."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[float, float]] = {}
        self._gpus = GpuMeter()
        self._cores = psutil.cpu_count() or 1

    def sample(self, roots: Mapping[str, tuple[int, int]]) -> dict[str, Sample]:
        """Sample jobs, given as id: (its supervisor's process, its vCPUs). One that has ended gives no sample."""
        children = _children_by_parent()
        gpus, found = self._gpus.look(), {}
        for job_id, (root, vcpus) in roots.items():
            tree = _tree(root, children)
            measured, gpu = self._measure(job_id, tree, min(vcpus, self._cores)), gpus.use_of(tree)
            if measured is not None and gpu is not None:
                measured = replace(measured, gpu=gpu.utilization, gpu_memory_gb=gpu.memory_gb)
            if measured is not None:
                found[job_id] = measured
        self._last = {job_id: last for job_id, last in self._last.items() if job_id in roots}
        return found

    def _measure(self, job_id: str, tree: list[int], cores: int) -> Sample | None:
        now, seconds, memory, seen = time.monotonic(), 0.0, 0, False
        for index, pid in enumerate(tree):
            try:
                process = psutil.Process(pid)
                used = process.cpu_times()
                # The times of children that ended are counted by whoever waited for them.
                seconds += used.user + used.system + used.children_user + used.children_system
                if index:  # the supervisor's own memory is the platform's
                    memory += process.memory_info().rss
            except psutil.Error:
                continue
            seen = True
        if not seen:
            return None
        before, at = self._last.get(job_id, (0.0, 0.0))
        known = job_id in self._last
        self._last[job_id] = (max(seconds, before), now)
        share = (seconds - before) / (now - at) / cores if known and now > at else 0.0
        cpu = round(min(max(share, 0.0), 1.0) * 100, 1)
        return Sample(at=time.time_ns() // 1000, cpu=cpu, memory_gb=round(memory / _GB, 4)) if known else None


def whole_run(*, cpu_seconds: float, run_microseconds: int, vcpus: int) -> float | None:
    """Give the mean CPU utilization in percent of a whole run, from what its ended processes have used."""
    if run_microseconds <= 0:
        return None
    cores = min(vcpus, psutil.cpu_count() or 1)
    return round(min(cpu_seconds * MICROSECONDS / run_microseconds / cores, 1.0) * 100, 1)


def _children_by_parent() -> dict[int, list[int]]:
    children: dict[int, list[int]] = {}
    for process in psutil.process_iter(["ppid"]):
        children.setdefault(process.info["ppid"], []).append(process.pid)
    return children


def _tree(root: int, children: Mapping[int, list[int]]) -> list[int]:
    found = [root]
    for pid in found:  # grows while it is read
        found.extend(children.get(pid, ()))
    return found
