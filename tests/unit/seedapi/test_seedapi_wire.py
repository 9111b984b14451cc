"""The wire models: tolerant where they read, strict where they write."""

import json
import random
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from chance import draw_seed
from seedjob_operator.resources import GpuType, Region
from seedjob_operator.seedapi import wire
from seedjob_operator.seedapi.wire import (
    Analytics,
    CreateJob,
    Job,
    JobPage,
    JobStatus,
    LogLine,
    LogPage,
    StreamEnd,
)

JOB = {"id": "job_6e5d4c3b2a1f", "name": "train-1", "status": "running"}
NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)


def test_the_models_need_no_http_library() -> None:
    """The core and the local server import them."""
    code = "import sys, seedjob_operator.seedapi.wire; sys.exit(' '.join(sorted({'httpx', 'httpx_sse'} & set(sys.modules))) or None)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


# --- Statuses ---


@pytest.mark.parametrize("status", list(JobStatus))
def test_a_status_is_active_or_terminal(status: JobStatus) -> None:
    assert status.active is not status.terminal
    assert status.active == (status in {"queued", "running", "unknown"})


@pytest.mark.parametrize("word", ["paused", "Running", "", None, 3, [], {}, "\ud800", True])
def test_a_word_of_no_contract_is_unknown_and_crashes_nothing(word: object) -> None:
    job = Job.model_validate({**JOB, "status": word})
    assert job.status is JobStatus.UNKNOWN
    assert job.status.active, "nothing final may follow from a word that we don't know"


# --- A job ---


def test_a_whole_job_is_read() -> None:
    read = Job.model_validate_json(
        json.dumps(
            JOB
            | {"namespace": "acme", "gpu": "A100-80GB", "gpu_count": 4, "region": "us-east-1", "progress": "Epoch 2/3"}
            | {"cost_per_hour": "12.80", "runtime_seconds": 90, "created_at": "2025-03-01T12:00:00Z"}
            | {"started_at": "2025-03-01T12:00:00.000250Z", "completed_at": None, "command": "c", "image": "i"}
            | {"repo": "a/b", "branch": "main", "cpu": 8, "memory_gb": 32, "disk_gb": 100, "spot": False}
            | {"num_nodes": 2, "timeout_minutes": 60, "max_retries": 1, "retry_count": 0, "exit_code": -9}
            | {"error": "out of memory", "total_cost": "0.32", "metrics": {"gpu_utilization": 71.5}}
            | {"artifacts": {"path": "/o", "url": "https://x/?sig=1", "size_bytes": 5, "file_count": 1}}
        )
    )
    assert (read.cost_per_hour, read.total_cost) == (Decimal("12.80"), Decimal("0.32"))
    assert (read.created_at, read.started_at) == (NOON, NOON.replace(microsecond=250))
    assert (read.exit_code, read.spot, read.num_nodes) == (-9, False, 2)
    assert read.metrics is not None
    assert read.metrics.gpu_utilization == 71.5
    assert read.artifacts is not None
    assert read.artifacts.size_bytes == 5
    assert [name for name, value in read if value is None] == ["completed_at"]


def test_what_is_written_is_read_back() -> None:
    """The local server writes what the client reads."""
    job = Job.model_validate({**JOB, "cost_per_hour": "12.80", "created_at": NOON, "metrics": {"cpu_utilization": 1.5}})
    written = json.loads(job.model_dump_json())
    assert (written["cost_per_hour"], written["created_at"]) == ("12.80", "2025-03-01T12:00:00Z")
    assert Job.model_validate(written) == job


@pytest.mark.parametrize(
    ("field", "value", "read", "why"),
    [
        ("cost_per_hour", 12.8, Decimal("12.8"), "a number where a string was promised"),
        ("cost_per_hour", "free", None, "no amount"),
        ("cost_per_hour", "NaN", None, "would poison every sum"),
        ("cost_per_hour", "1e999999", None, "can't be rounded to cents"),
        ("total_cost", "-3.00", None, "nobody is paid for a job"),
        ("runtime_seconds", 12.9, 12, "fractions of a second were added"),
        ("runtime_seconds", "12", 12, "a string where a number was promised"),
        ("runtime_seconds", 1e400, None, "infinity"),
        ("runtime_seconds", 2**63, None, "no Kubernetes integer"),
        ("exit_code", "none", None, "a word"),
        ("exit_code", [1], None, "one for each node"),
        ("created_at", "2025-03-01T12:00:00", NOON, "a time without a zone is UTC, as all others are"),
        ("created_at", "2025-03-01T13:00:00+01:00", NOON, "another zone"),
        ("created_at", "yesterday", None, "no time"),
        ("created_at", "0001-01-01T00:00:00+14:00", None, "before the first day in UTC"),
        ("spot", "maybe", None, "no truth value"),
        ("gpu", "B300", "B300", "a GPU that came later is shown as it is"),
        ("gpu", {"type": "L4"}, None, "an object where a word was"),
        ("progress", "half \ud83d", "half ?", "half of a character couldn't be written to Kubernetes"),
        ("metrics", "n/a", None, "a word instead of an object"),
        ("artifacts", [], None, "a list instead of an object"),
        ("new_field", 1, None, "an unknown field is ignored"),
    ],
)
def test_what_of_a_job_is_not_as_promised(field: str, value: object, read: object, why: str) -> None:
    assert getattr(Job.model_validate({**JOB, field: value}), field, None) == read, why


@pytest.mark.parametrize("field", ["id", "name", "status"])
def test_a_job_needs_its_identity(field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        Job.model_validate({name: value for name, value in JOB.items() if name != field})


def test_no_junk_in_optional_fields_makes_a_job_unreadable() -> None:
    seed = draw_seed()
    dice = random.Random(seed)  # no secret
    junk: list[Any] = [
        None,
        True,
        -1,
        2**70,
        1e308,
        float("nan"),
        "",
        "x" * 99,
        "\ud800",
        "\x00",
        [],
        [[]],
        {},
        {"a": []},
    ]
    optional = [name for name in Job.model_fields if name not in JOB]
    for _ in range(500):
        job = Job.model_validate(JOB | {name: dice.choice(junk) for name in dice.sample(optional, 8)})
        json.loads(job.model_dump_json())


# --- Pages, logs, analytics ---

PAGINATION = {"page": 1, "per_page": 100, "total": 2, "total_pages": 1}


def test_one_broken_record_does_not_hide_the_others() -> None:
    page = JobPage.model_validate({"data": [{"id": "j"}, JOB, None], "pagination": PAGINATION})
    assert [job.name for job in page.data] == ["train-1"]
    assert page.unreadable == 2


@pytest.mark.parametrize(
    ("pagination", "pages"),
    [
        ({"page": 1, "per_page": 20, "total": 0, "total_pages": 0}, 0),
        ({"page": 2, "per_page": 20, "total": 41}, 3),
        ({"page": 2, "per_page": 20, "total": 40, "total_pages": None}, 2),
        ({"total_pages": "7"}, 7),
    ],
)
def test_the_number_of_pages(pagination: dict[str, object], pages: int) -> None:
    assert JobPage.model_validate({"data": [], "pagination": pagination}).pagination.total_pages == pages


@pytest.mark.parametrize(
    "body",
    [
        {"data": []},
        {"data": [], "pagination": {}},
        {"data": [], "pagination": {"total_pages": -1}},
        {"data": {}, "pagination": PAGINATION},
        {"data": None, "pagination": PAGINATION},
        {"pagination": PAGINATION},
        [],
        None,
    ],
)
def test_a_page_that_might_hide_jobs_is_refused(body: object) -> None:
    """Believing it would make jobs look as if they were gone."""
    with pytest.raises(ValidationError):
        JobPage.model_validate(body)


def test_log_lines_are_read_and_broken_ones_left_out() -> None:
    lines = [
        {"message": "a", "stream": "stdlog", "timestamp": "?"},
        {"stream": "stdout"},
        "b",
        {"message": "c", "node": 1},
    ]
    page = LogPage.model_validate({"data": lines})
    assert [(line.message, line.stream, line.node, line.timestamp) for line in page.data] == [
        ("a", "unknown", None, None),
        ("c", "unknown", 1, None),
    ]


def test_a_position_is_never_in_a_body() -> None:
    assert "position" not in LogLine(message="a", position="7").model_dump()
    assert StreamEnd(status=JobStatus.FAILED, position="7").model_dump() == {"status": "failed"}


def test_analytics_are_read_as_far_as_they_go() -> None:
    assert Analytics.model_validate({}).summary.total_cost is None
    read = Analytics.model_validate(
        {
            "summary": {"gpu_utilization_avg": 71.234, "total_cost": "3.10", "queue_seconds": "?"},
            "series": [{"timestamp": "2025-03-01T12:00:00Z", "cpu_utilization": 3}, {"cpu_utilization": 4}],
        }
    )
    assert (read.summary.gpu_utilization_avg, read.summary.total_cost) == (71.234, Decimal("3.10"))
    assert read.summary.queue_seconds is None
    assert len(read.series) == 1, "a sample without a time is left out"
    assert Analytics.model_validate({"summary": None, "series": "n/a"}) == Analytics()


# --- Errors ---


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": {"code": "c", "message": " told "}}, "told"),
        ({"error": "told"}, "told"),
        ({"message": "told"}, "told"),
        ({"detail": "told"}, "told"),
        ({"error": {"message": "told"}, "message": "less"}, "told"),
        ({"error": {"message": ""}, "detail": "told"}, "told"),
        ({"error": {"message": 3}}, None),
        ({"detail": [{"msg": "m", "input": "s3cr3t"}]}, None),
        ({}, None),
        ([], None),
        (None, None),
    ],
)
def test_the_platforms_words_are_found(body: object, message: str | None) -> None:
    assert wire.error_message(body) == message


# --- Creating ---

LEAST = {"name": "train-1", "command": "python t.py", "gpu": "none", "image": "img"}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"gpu": "H100-80GB", "gpu_count": 8, "cpu": 96, "memory_gb": 512, "disk_gb": 2000, "num_nodes": 64},
        {"disk_gb": 10, "timeout_minutes": 1, "max_retries": 0, "spot": True},
        {"timeout_minutes": 10080, "max_retries": 5, "region": "ap-northeast-1", "artifacts_path": "/out"},
        {"image": None, "repo": "acme/trainer", "branch": "main"},
        {"repo": "acme/trainer.v2"},
        {"env": {}, "name": "A_b-3"},
        {"env": {"A": "", "B": "ünï\ncode"}},
    ],
)
def test_a_create_within_the_contract(more: dict[str, Any]) -> None:
    body = CreateJob.model_validate(LEAST | more).model_dump(exclude_none=True)
    assert body == {name: value for name, value in (LEAST | more).items() if value is not None}


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a b"}, "name"),
        ({"name": "a\n"}, "name"),
        ({"name": None}, "name"),
        ({"command": " \n"}, "command"),
        ({"command": ["python"]}, "command"),
        ({"gpu": "V100"}, "gpu"),
        ({"gpu": None}, "gpu"),
        ({"gpu_count": 3}, "gpu_count"),
        ({"gpu_count": True}, "gpu_count"),
        ({"cpu": "8"}, "cpu"),
        ({"cpu": 8.0}, "cpu"),
        ({"memory_gb": 31}, "memory_gb"),
        ({"disk_gb": 9}, "disk_gb"),
        ({"disk_gb": 2001}, "disk_gb"),
        ({"region": "mars-1"}, "region"),
        ({"timeout_minutes": 0}, "timeout_minutes"),
        ({"timeout_minutes": 10081}, "timeout_minutes"),
        ({"max_retries": 6}, "max_retries"),
        ({"max_retries": -1}, "max_retries"),
        ({"num_nodes": 0}, "num_nodes"),
        ({"num_nodes": True}, "num_nodes"),
        ({"spot": 1}, "spot"),
        ({"artifacts_path": ""}, "artifacts_path"),
        ({"repo": "https://x/y"}, "repo"),
        ({"image": ""}, "image"),
        ({"image": None}, "repo or image"),
        ({"branch": "main"}, "branch"),
        ({"env": {"A": 3}}, "env"),
        ({"env": {"A=B": "c"}}, "env"),
        ({"env": {"": "c"}}, "env"),
        ({"env": {"A": "\x00"}}, "env"),
        ({"labels": {}}, "labels"),
    ],
)
def test_a_create_outside_the_contract_is_refused(more: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        CreateJob.model_validate(LEAST | more)


def test_the_contracts_sets_are_there_to_share() -> None:
    assert CreateJob.GPU_TYPES == ("A100-40GB", "A100-80GB", "H100-80GB", "L4", "T4", "none")
    assert CreateJob.GPU_COUNTS == (1, 2, 4, 8)
    assert CreateJob.CPUS == (2, 4, 8, 16, 32, 64, 96)
    assert CreateJob.MEMORY_GB == (8, 16, 32, 64, 128, 256, 512)
    assert len(CreateJob.REGIONS) == 5
    assert (CreateJob.DISK_GB[0], CreateJob.DISK_GB[-1]) == (10, 2000)
    assert (CreateJob.TIMEOUT_MINUTES[-1], CreateJob.MAX_RETRIES[-1]) == (10080, 5)


def test_the_sets_are_those_of_the_resource() -> None:
    """A manifest that the CRD accepts is one that can be sent."""
    assert {gpu.value for gpu in GpuType} == set(CreateJob.GPU_TYPES)
    assert {region.value for region in Region} == set(CreateJob.REGIONS)
