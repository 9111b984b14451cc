"""Who may start now, and who has to make room: first come, first served per region and GPU type. No I/O, no clock."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from seedjob_operator.seedserver.inventory import Inventory
from seedjob_operator.seedserver.records import MICROSECONDS, JobRecord

PATIENCE: Final = 60 * MICROSECONDS
"""How long a job that lacks vCPUs or memory lets jobs of other queues pass before their room is kept for it."""


class Room(NamedTuple):
    """An amount of what a region has: GPUs of one type, vCPUs, memory in GB."""

    gpus: int
    cpu: int
    memory_gb: int

    def lacks(self, need: "Room") -> tuple[str, ...]:
        """Name the parts of a need that are more than this."""
        return tuple(name for name, has, wants in zip(self._fields, self, need, strict=True) if wants > has)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a job needs, and where: `need` is of all its nodes together, which are alike.

    `since` is when it was queued, in microseconds. `leaving`: it was told to end, and its room will be free.
    """

    job_id: str
    region: str
    gpu: str
    need: Room
    nodes: int = 1
    spot: bool = False
    since: int = 0
    leaving: bool = False

    @property
    def node(self) -> Room:
        """What one node needs."""
        return Room(*(part // self.nodes for part in self.need))


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The ids of the queued jobs that start now, and of the running spot jobs that have to go for others."""

    start: Sequence[str]
    preempt: Sequence[str]


def claim_of(record: JobRecord) -> Claim:
    """Give what a job claims."""
    nodes = record.num_nodes
    gpus = 0 if record.gpu == "none" else record.gpu_count * nodes
    return Claim(
        job_id=record.id,
        region=record.region,
        gpu=record.gpu,
        need=Room(gpus, record.cpu * nodes, record.memory_gb * nodes),
        nodes=nodes,
        spot=record.spot,
        since=record.queued_at,
        leaving=record.cancel_requested or record.preempt_requested,
    )


def impossible(claim: Claim, inventory: Inventory) -> str | None:
    """Say why a job can never run here; None if it can."""
    machine = inventory.machine(claim.gpu)
    largest = Room(machine.gpu_count, machine.cpu, machine.memory_gb)
    if too_much := _too_much(claim, claim.node, largest):
        return f"one node needs {too_much}: no such machine exists; GET /_inventory shows what does"
    if too_much := _too_much(claim, claim.need, _whole(inventory, claim)):
        return f"all nodes together need {too_much} in {claim.region}: no such machine exists; GET /_inventory shows what does"
    return None


def _too_much(claim: Claim, need: Room, largest: Room) -> str:
    units = {"gpus": f"GPUs of type {claim.gpu}", "cpu": "vCPUs", "memory_gb": "GB of memory"}
    has, wants = largest._asdict(), need._asdict()
    return " and ".join(f"{wants[name]} {units[name]} where there are {has[name]}" for name in largest.lacks(need))


def plan(*, running: Iterable[Claim], queued: Iterable[Claim], inventory: Inventory, now: int) -> Plan:
    """Say who starts now. `running` is in the order of starts, `queued` in that of arrivals.

    ==================  ============================  ===================================================
    the job lacks       it holds back                 because
    ==================  ============================  ===================================================
    nothing             nobody: it starts
    what spot jobs      all, from what it needs       it isn't spot itself: they are preempted, youngest
    have or gave up                                   first, and what they leave is for it alone
    GPUs                its own queue                 vCPUs that it can't use yet help others now
    vCPUs or memory     its own queue; when it has    else a stream of small jobs of other queues could
                        waited for long, all          pass it for ever
    ==================  ============================  ===================================================
    """
    present = list(running)
    free = _Free(inventory)
    for claim in present:
        free.take(claim)
    held: set[tuple[str, str]] = set()
    start: list[str] = []
    preempt: list[str] = []
    for claim in queued:
        queue = (claim.region, claim.gpu)
        if queue in held:
            continue
        lacking = free.of(claim).lacks(claim.need)
        if not lacking:
            start.append(claim.job_id)
            free.take(claim)
            continue
        held.add(queue)
        victims = None if claim.spot else _victims(claim, free, present, going=set(preempt))
        if victims is not None:
            preempt += victims
        if victims is not None or ("gpus" not in lacking and now - claim.since >= PATIENCE):
            free.take(claim)
    return Plan(start=start, preempt=preempt)


def _victims(claim: Claim, free: "_Free", running: Sequence[Claim], *, going: set[str]) -> list[str] | None:
    """Choose the spot jobs that have to go for a job; none where those that leave suffice, None where nothing does."""
    space = free.copy()
    spots = []
    for other in (other for other in running if other.spot and other.region == claim.region):
        if other.leaving or other.job_id in going:
            space.give(other)
        else:
            spots.append(other)
    chosen: list[Claim] = []
    for spot in reversed(spots):
        lacking = space.of(claim).lacks(claim.need)
        if any(getattr(spot.need, part) and (part != "gpus" or spot.gpu == claim.gpu) for part in lacking):
            space.give(spot)
            chosen.append(spot)
    if space.of(claim).lacks(claim.need):
        return None
    for spot in reversed(chosen):  # the oldest of them first: one that gave what another gives too may stay
        space.take(spot)
        if space.of(claim).lacks(claim.need):
            space.give(spot)
        else:
            chosen.remove(spot)
    return [spot.job_id for spot in chosen]


def _whole(inventory: Inventory, claim: Claim) -> Room:
    region = inventory.region(claim.region)
    return Room(region.gpus_of(claim.gpu), region.cpu, region.memory_gb)


class _Free:
    """What nobody has. Below zero where more is kept for somebody than there is."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self._gpus: dict[tuple[str, str], int] = {}
        self._shared: dict[str, tuple[int, int]] = {}

    def copy(self) -> "_Free":
        same = _Free(self._inventory)
        same._gpus, same._shared = dict(self._gpus), dict(self._shared)
        return same

    def of(self, claim: Claim) -> Room:
        whole = _whole(self._inventory, claim)
        gpus = self._gpus.get((claim.region, claim.gpu), whole.gpus)
        return Room(gpus, *self._shared.get(claim.region, (whole.cpu, whole.memory_gb)))

    def take(self, claim: Claim) -> None:
        self._change(claim, -1)

    def give(self, claim: Claim) -> None:
        self._change(claim, 1)

    def _change(self, claim: Claim, sign: int) -> None:
        has, need = self.of(claim), claim.need
        self._gpus[claim.region, claim.gpu] = has.gpus + sign * need.gpus
        self._shared[claim.region] = (has.cpu + sign * need.cpu, has.memory_gb + sign * need.memory_gb)
