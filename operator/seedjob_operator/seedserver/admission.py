"""Makes a job's record from what was asked for."""

import secrets
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from seedjob_operator.seedapi.wire import CreateJob, JobStatus
from seedjob_operator.seedserver.pricing import cost_per_hour
from seedjob_operator.seedserver.records import JobRecord

DEFAULTS: Final = {
    "gpu_count": 1,
    "region": CreateJob.REGIONS[0],
    "cpu": 8,
    "memory_gb": 32,
    "disk_gb": 100,
    "spot": False,
    "num_nodes": 1,
    "timeout_minutes": 1440,
    "max_retries": 0,
}
"""What holds where a request says nothing (contract: Create a job)."""


def new_record(namespace: str, request: CreateJob, *, now: int) -> JobRecord:
    """Make the record of a new job; `now` in microseconds since 1970."""
    asked: dict[str, Any] = DEFAULTS | request.model_dump(exclude_none=True)
    record = JobRecord(
        id=f"job_{secrets.token_hex(6)}",
        namespace=namespace,
        status=JobStatus.QUEUED,
        cost_per_hour=Decimal(0),
        created_at=now,
        queued_at=now,
        **asked,
    )
    price = cost_per_hour(
        gpu=record.gpu, gpu_count=record.gpu_count, cpu=record.cpu, num_nodes=record.num_nodes, spot=record.spot
    )
    return replace(record, cost_per_hour=price)
