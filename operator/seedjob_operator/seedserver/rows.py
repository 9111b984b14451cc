"""Records as rows of the database, and back."""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from decimal import Decimal
from typing import Any

from seedjob_operator.seedapi.wire import JobStatus
from seedjob_operator.seedserver.records import JobRecord, ListedRecord, StoredArtifacts


def stored(value: object) -> Any:
    """Give a value as it is stored."""
    if isinstance(value, StoredArtifacts):
        return json.dumps(asdict(value))
    if isinstance(value, dict):
        return json.dumps(value)
    return str(value) if isinstance(value, Decimal | JobStatus) else value


def row_of(record: JobRecord) -> dict[str, Any]:
    """Give a record as a row."""
    return {field.name: stored(getattr(record, field.name)) for field in fields(record)}


def listed_of(row: Mapping[str, Any]) -> ListedRecord:
    """Give what a list needs of a row."""
    return ListedRecord(**_common(row))


def record_of(row: Mapping[str, Any]) -> JobRecord:
    """Give the record of a row."""
    kept = None if row["artifacts"] is None else StoredArtifacts(**json.loads(row["artifacts"]))
    own = {
        "env": json.loads(row["env"]),
        "artifacts": kept,
        "spot": bool(row["spot"]),
        "cancel_requested": bool(row["cancel_requested"]),
        "preempt_requested": bool(row["preempt_requested"]),
    }
    return JobRecord(**(_common(row) | own))


def _common(row: Mapping[str, Any]) -> dict[str, Any]:
    return dict(row) | {"status": JobStatus(row["status"]), "cost_per_hour": Decimal(row["cost_per_hour"])}
