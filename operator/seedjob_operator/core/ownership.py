"""Whether a remote job under a name that its owner chose was made by us: the name alone doesn't say so."""

from datetime import datetime

from seedjob_operator.resources import JobSpec
from seedjob_operator.seedapi.wire import Job


def made_since(not_before: datetime, job: Job) -> bool:
    """Tell whether a job is not older than a time, in whole seconds of the platform's clock."""
    return job.created_at is not None and job.created_at.replace(microsecond=0) >= not_before


def equal(job: Job, spec: JobSpec) -> bool:
    """Tell whether every field that the user set and that can be read back is equal."""
    return all(
        theirs == ours
        for ours, theirs in readable_fields(job, spec).values()
        if ours is not None and theirs is not None
    )


def adoptable(job: Job, spec: JobSpec) -> bool:
    """Tell whether a job may be taken over: it was read whole, as a list doesn't show it, and equals what is asked for."""
    return job.command is not None and equal(job, spec)


def readable_fields(job: Job, spec: JobSpec) -> dict[str, tuple[object, object]]:
    """Pair what the user set with what the platform shows, by wire name; None where either says nothing."""
    return {
        "command": (spec.command, job.command),
        "image": (spec.image, job.image),
        "repo": (spec.repo, job.repo),
        "branch": (spec.branch, job.branch),
        "gpu": (spec.gpu.type, job.gpu),
        "gpu_count": (spec.gpu.count, job.gpu_count),
        "cpu": (spec.cpu, job.cpu),
        "memory_gb": (spec.memory_gb, job.memory_gb),
        "disk_gb": (spec.disk_gb, job.disk_gb),
        "region": (spec.region, job.region),
        "spot": (spec.spot, job.spot),
        "num_nodes": (spec.nodes, job.num_nodes),
        "timeout_minutes": (spec.timeout_minutes, job.timeout_minutes),
        "max_retries": (spec.max_retries, job.max_retries),
    }
