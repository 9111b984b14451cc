"""Who may start now: first come, first served per region and GPU type, within a declared capacity. No I/O, no clock."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from seedjob_operator.seedserver.records import JobRecord


class Room(NamedTuple):
    """An amount of what a region has: GPUs of one type, vCPUs, memory in GB."""

    gpus: int
    cpu: int
    memory_gb: int

    def lacks(self, need: "Room") -> tuple[str, ...]:
        """Name the parts of a need that are more than this."""
        return tuple(name for name, has, wants in zip(self._fields, self, need, strict=True) if wants > has)


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """What each region has. It is declared, not detected, so that jobs for GPUs run anywhere."""

    gpus_per_type: int = 8
    cpu: int = 96
    memory_gb: int = 512

    @property
    def room(self) -> Room:
        """A whole region, as one job could have it."""
        return Room(self.gpus_per_type, self.cpu, self.memory_gb)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a job needs, and where; all its nodes together."""

    job_id: str
    region: str
    gpu: str
    need: Room


def claim_of(record: JobRecord) -> Claim:
    """Give what a job claims."""
    nodes = record.num_nodes
    gpus = 0 if record.gpu == "none" else record.gpu_count * nodes
    need = Room(gpus, record.cpu * nodes, record.memory_gb * nodes)
    return Claim(job_id=record.id, region=record.region, gpu=record.gpu, need=need)


def impossible(claim: Claim, capacity: Capacity) -> str | None:
    """Say why a job can never run here; None if it can."""
    lacking = capacity.room.lacks(claim.need)
    if not lacking:
        return None
    has, wants = capacity.room._asdict(), claim.need._asdict()
    units = {"gpus": f"GPUs of type {claim.gpu}", "cpu": "vCPUs", "memory_gb": "GB of memory"}
    parts = [f"{wants[name]} {units[name]} where {claim.region} has {has[name]}" for name in lacking]
    return f"all nodes together need {' and '.join(parts)}: no such machine exists"


def startable(*, running: Iterable[Claim], queued: Iterable[Claim], capacity: Capacity) -> list[str]:
    """Give the ids of the queued jobs that may start now. `queued` is in the order of arrival.

    ==================  ==========================  =============================================
    the job lacks       it holds back               because
    ==================  ==========================  =============================================
    nothing             nobody: it starts
    GPUs                its own queue               vCPUs that it can't use yet help others now
    vCPUs or memory     its own queue, and keeps    else a stream of small jobs of other queues
                        what it needs free          could pass it for ever
    ==================  ==========================  =============================================
    """
    free = _Free(capacity)
    for claim in running:
        free.take(claim)
    held: set[tuple[str, str]] = set()
    started = []
    for claim in queued:
        queue = (claim.region, claim.gpu)
        if queue in held:
            continue
        lacking = free.of(claim).lacks(claim.need)
        if lacking:
            held.add(queue)
        if "gpus" not in lacking:
            free.take(claim)
        if not lacking:
            started.append(claim.job_id)
    return started


class _Free:
    def __init__(self, capacity: Capacity) -> None:
        self._capacity = capacity
        self._gpus: dict[tuple[str, str], int] = {}
        self._shared: dict[str, tuple[int, int]] = {}

    def of(self, claim: Claim) -> Room:
        gpus = self._gpus.get((claim.region, claim.gpu), self._capacity.gpus_per_type)
        return Room(gpus, *self._shared.get(claim.region, (self._capacity.cpu, self._capacity.memory_gb)))

    def take(self, claim: Claim) -> None:
        has, need = self.of(claim), claim.need
        self._gpus[claim.region, claim.gpu] = has.gpus - need.gpus
        self._shared[claim.region] = (has.cpu - need.cpu, has.memory_gb - need.memory_gb)
