"""The create call's body, from the spec: what the user left out isn't sent."""

from collections.abc import Mapping

from seedjob_operator.resources import JobSpec
from seedjob_operator.seedapi.wire import CreateJob


def create_request(job: JobSpec, *, name: str, environment: Mapping[str, str]) -> CreateJob:
    """Give the body of the create call.

    Raises:
        pydantic.ValidationError: a value that the contract doesn't allow; the CRD's schema refuses these earlier.
    """
    fields = {
        "name": name,
        "command": job.command,
        "image": job.image,
        "repo": job.repo,
        "branch": job.branch,
        "gpu": job.gpu.type.value,
        "gpu_count": job.gpu.count,
        "cpu": job.cpu,
        "memory_gb": job.memory_gb,
        "disk_gb": job.disk_gb,
        "region": None if job.region is None else job.region.value,
        "timeout_minutes": job.timeout_minutes,
        "max_retries": job.max_retries,
        "artifacts_path": job.artifacts_path,
        "spot": job.spot,
        "num_nodes": job.nodes,
        "env": dict(environment) or None,
    }
    return CreateJob.model_validate({field: value for field, value in fields.items() if value is not None})
