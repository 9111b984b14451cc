"""What is stored about a job. Times are microseconds since 1970, money is decimal."""

from dataclasses import dataclass, field
from decimal import Decimal

from seedjob_operator.seedapi.wire import JobStatus

MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRecord:
    """A job as a list needs it.

    A preempted job is queued again: `queued_at` is the last time, `started_at` the first start, `resumed_at` the start
    of what runs now or ran last (None while it waits), `ran_before` the microseconds that it ran before that.
    """

    id: str
    name: str
    namespace: str
    status: JobStatus
    gpu: str
    gpu_count: int
    region: str
    progress: str | None = None
    cost_per_hour: Decimal
    created_at: int
    queued_at: int
    started_at: int | None = None
    resumed_at: int | None = None
    ran_before: int = 0
    completed_at: int | None = None

    def runtime_seconds(self, *, now: int) -> int:
        """Give the run time from the first try's start, without waiting, each begun second counted as a whole one."""
        return -(-self.run_microseconds(now=now) // MICROSECONDS)

    def run_microseconds(self, *, now: int) -> int:
        """Give the run time of all tries, without the time in the queue."""
        if self.resumed_at is None:
            return self.ran_before
        until = now if self.completed_at is None else self.completed_at
        return self.ran_before + max(until - self.resumed_at, 0)

    def total_cost(self, *, now: int) -> Decimal:
        """Give what the job has cost so far, billed per second."""
        return (self.cost_per_hour * self.runtime_seconds(now=now) / 3600).quantize(Decimal("0.0001"))


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredArtifacts:
    """What was kept of a job: `location` is the folder in the store."""

    location: str
    size_bytes: int
    file_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord(ListedRecord):
    """All that is stored about a job. `env` is emptied at the end, because its values are secrets."""

    command: str
    image: str | None = None
    repo: str | None = None
    branch: str | None = None
    cpu: int
    memory_gb: int
    disk_gb: int
    env: dict[str, str] = field(default_factory=dict, repr=False)
    spot: bool
    num_nodes: int
    timeout_minutes: int
    max_retries: int
    artifacts_path: str | None = None
    retry_count: int = 0
    exit_code: int | None = None
    error: str | None = None
    cancel_requested: bool = False
    preempt_requested: bool = False
    artifacts: StoredArtifacts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What a job's processes used at a moment: CPU in percent of what it may use here, memory in GB.

    `gpu` is the utilization in percent of the GPUs that they are on; None where they are on none.
    """

    at: int
    cpu: float
    memory_gb: float
    gpu: float | None = None
    gpu_memory_gb: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a job has used so far, over all samples; None where there is none yet."""

    samples: int = 0
    cpu_average: float | None = None
    cpu_last: float | None = None
    memory_max_gb: float | None = None
    memory_last_gb: float | None = None
    gpu_average: float | None = None
    gpu_max: float | None = None
    gpu_last: float | None = None
    gpu_memory_max_gb: float | None = None
    gpu_memory_last_gb: float | None = None
