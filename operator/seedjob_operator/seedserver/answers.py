"""Makes the contract's answers from records. The names on the wire are those of `seedapi.wire`.

Records are ours and good, so the models are filled without being checked again: a list of 100 must be quick.
"""

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from seedjob_operator.seedapi import wire
from seedjob_operator.seedserver.joblog import Line
from seedjob_operator.seedserver.records import MICROSECONDS, JobRecord, ListedRecord, Sample, StoredArtifacts, Usage

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Link(NamedTuple):
    """Where a job's artifacts can be had, until a time in seconds since 1970."""

    url: str
    expires: int


def time_of(microseconds: int) -> datetime:
    """Give the time of a number of microseconds since 1970, exactly."""
    return _EPOCH + timedelta(microseconds=microseconds)


def _maybe_time(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else time_of(microseconds)


def page_body(records: Sequence[ListedRecord], *, page: int, per_page: int, total: int, now: int) -> str:
    """Make the body of a list (contract: List jobs)."""
    pages = math.ceil(total / per_page)
    body = wire.JobPage.model_construct(
        data=tuple(_listed(record, now=now) for record in records),
        pagination=wire.Pagination.model_construct(page=page, per_page=per_page, total=total, total_pages=pages),
    )
    return body.model_dump_json(exclude_unset=True)


def job_body(record: JobRecord, usage: Usage, *, retries: int, now: int, link: Link) -> str:
    """Make the body of a get (contract: Get a job). `env` is left out of every answer."""
    job = _listed(record, now=now).model_copy(
        update={
            "command": record.command,
            "image": record.image,
            "repo": record.repo,
            "branch": record.branch,
            "cpu": record.cpu,
            "memory_gb": record.memory_gb,
            "disk_gb": record.disk_gb,
            "spot": record.spot,
            "num_nodes": record.num_nodes,
            "timeout_minutes": record.timeout_minutes,
            "max_retries": record.max_retries,
            "retry_count": retries,
            "exit_code": record.exit_code,
            "error": record.error,
            "metrics": wire.Metrics(
                gpu_utilization=usage.gpu_last,
                gpu_memory_used_gb=usage.gpu_memory_last_gb,
                cpu_utilization=usage.cpu_last,
                memory_used_gb=usage.memory_last_gb,
            ),
            "total_cost": record.total_cost(now=now),
            "artifacts": _artifacts(record, record.artifacts, link),
        }
    )
    return job.model_dump_json()


def _listed(record: ListedRecord, *, now: int) -> wire.Job:
    return wire.Job.model_construct(
        id=record.id,
        name=record.name,
        namespace=record.namespace,
        status=record.status,
        gpu=record.gpu,
        gpu_count=record.gpu_count,
        region=record.region,
        progress=record.progress,
        cost_per_hour=record.cost_per_hour,
        runtime_seconds=record.runtime_seconds(now=now),
        created_at=time_of(record.created_at),
        started_at=_maybe_time(record.started_at),
        completed_at=_maybe_time(record.completed_at),
    )


def _artifacts(record: JobRecord, stored: StoredArtifacts | None, link: Link) -> wire.Artifacts | None:
    if stored is None:
        return None
    return wire.Artifacts(
        path=record.artifacts_path,
        url=link.url,
        size_bytes=stored.size_bytes,
        file_count=stored.file_count,
        expires_at=time_of(link.expires * MICROSECONDS),
    )


def analytics_body(record: JobRecord, usage: Usage, samples: Iterable[Sample], *, now: int) -> str:
    """Make the body of the analytics (contract: Get job analytics)."""
    left_queue = record.started_at or record.completed_at or now
    summary = wire.Summary(
        gpu_utilization_avg=usage.gpu_average,
        gpu_utilization_max=usage.gpu_max,
        gpu_memory_used_gb_max=usage.gpu_memory_max_gb,
        cpu_utilization_avg=usage.cpu_average,
        memory_used_gb_max=usage.memory_max_gb,
        total_cost=record.total_cost(now=now),
        runtime_seconds=record.runtime_seconds(now=now),
        queue_seconds=(left_queue - record.created_at) // MICROSECONDS,
    )
    series = tuple(
        wire.Sample(
            timestamp=time_of(sample.at),
            gpu_utilization=sample.gpu,
            cpu_utilization=sample.cpu,
            memory_used_gb=sample.memory_gb,
        )
        for sample in samples
    )
    return wire.Analytics(summary=summary, series=series).model_dump_json()


def log_body(lines: Iterable[str]) -> str:
    """Make the body of the logs (contract: Get job logs) of lines that are JSON already, because they were counted so."""
    return f'{{"data":[{",".join(lines)}]}}'


def log_event(line: Line) -> bytes:
    """Make the stream's event of one line."""
    return _event(wire.StreamEvent.LOG, line.end, log_line(line).model_dump_json(exclude_none=True))


def end_event(status: wire.JobStatus, position: int) -> bytes:
    """Make the stream's last event."""
    return _event(wire.StreamEvent.END, position, wire.StreamEnd(status=status).model_dump_json())


def log_line(line: Line) -> wire.LogLine:
    """Make a line as it is in the logs and in a stream."""
    return wire.LogLine.model_construct(
        timestamp=time_of(line.at), message=line.message, stream=line.stream, node=line.node
    )


def _event(name: wire.StreamEvent, position: int, data: str) -> bytes:
    return f"event: {name}\r\nid: {position}\r\ndata: {data}\r\n\r\n".encode()
