"""The attempts of a SeedJob: one is in force, the earlier ones stand in the status as records of remote jobs."""

from collections.abc import Callable, Iterable
from decimal import Decimal

from seedjob_operator.core import conditions, cost, naming
from seedjob_operator.core.intent import Intent
from seedjob_operator.resources import (
    AttemptRecord,
    Condition,
    ConditionStatus,
    ConditionType,
    OlderJob,
    Phase,
    SeedJobStatus,
)

MOST_RECORDS = 10
MOST_OLDER_JOBS = 20
MOST_PAST_RUNS = 200
_ENDS = (ConditionType.COMPLETE, ConditionType.FAILED, ConditionType.SUSPENDED)
_OF_ALL_ATTEMPTS = frozenset(
    {
        "observed_generation",
        "conditions",
        "attempt",
        "attempts",
        "older_jobs",
        "past_runs",
        "earlier_cost",
        "previous_artifacts",
        "last_sync_time",
        "gpu",
    }
)


def archived(status: SeedJobStatus, *, run_id: str, generated: Callable[[int], str]) -> SeedJobStatus:
    """Give the status for the next attempt: the ended one becomes a record, and what belongs to one attempt is cleared.

    Where the run goes on (the same `run_id`), so does what it costs. `generated` gives the name by which an attempt's job is
    found without a record.
    """
    same_run = status.run_id == run_id
    kept = {field: value for field, value in status if field in _OF_ALL_ATTEMPTS}
    path = status.artifacts.path if status.artifacts is not None else None
    record = _record(status)
    records = status.attempts if record is None else (record, *status.attempts)
    unprovable = (old for old in records[MOST_RECORDS:] if old.job_name != generated(old.attempt))
    older = (*map(_older, unprovable), *status.older_jobs)
    return SeedJobStatus.model_validate(
        kept
        | {
            "attempts": records[:MOST_RECORDS],
            "older_jobs": tuple(job for job in older if job is not None)[:MOST_OLDER_JOBS],
            "past_runs": _past_runs(status),
            "run_id": run_id if same_run else None,
            "earlier_cost": _cost_so_far(status) if same_run else None,
            "previous_artifacts": path or status.previous_artifacts,
            "conditions": _of_object(status.conditions),
        }
    )


def _older(record: AttemptRecord) -> OlderJob | None:
    """Give what is kept of an attempt that is too old for a record."""
    if record.job_name is None or record.job_id is None:
        return None
    return OlderJob(
        attempt=record.attempt,
        job_name=record.job_name,
        job_id=record.job_id,
        seed_namespace=record.seed_namespace,
        connection=record.connection,
    )


def _record(status: SeedJobStatus) -> AttemptRecord | None:
    """Give the record of an ended attempt; None where it never had a remote job."""
    if status.job_name is None:
        return None
    end = _end(status.conditions)
    return AttemptRecord(
        attempt=status.attempt or 1,
        run_id=status.run_id,
        job_name=status.job_name,
        job_id=status.job_id,
        phase=Phase.CANCELLED if status.phase is Phase.SUSPENDED else status.phase,
        reason=None if end is None else end.reason,
        start_time=status.start_time,
        completion_time=status.completion_time,
        runtime_seconds=status.runtime_seconds,
        cost=status.cost,
        exit_code=status.exit_code,
        seed_namespace=status.seed_namespace,
        connection=status.connection,
    )


def _end(found: Iterable[Condition]) -> Condition | None:
    return next((one for one in found if one.type in _ENDS and one.status is ConditionStatus.TRUE), None)


def _past_runs(status: SeedJobStatus) -> tuple[str, ...]:
    if status.run_id is None:
        return status.past_runs
    run = naming.run_hash(status.run_id)
    return (run, *(past for past in status.past_runs if past != run))[:MOST_PAST_RUNS]


def _cost_so_far(status: SeedJobStatus) -> Decimal | None:
    last = status.cost.total if status.cost is not None else None
    if last is None and status.earlier_cost is None:
        return None
    return min((last or Decimal(0)) + (status.earlier_cost or Decimal(0)), cost.MOST)


def _of_object(found: Iterable[Condition]) -> tuple[Condition, ...]:
    """Leave out what the platform said of the attempt's record."""
    return tuple(one for one in found if one.type != ConditionType.REMOTE_DELETED)


def is_archived(status: SeedJobStatus, intent: Intent) -> bool:
    """Tell whether an intent is that of an attempt which stands in the records already."""
    return any(past.job_name == intent.job_name for past in status.attempts)


def next_number(status: SeedJobStatus) -> int:
    """Give the number of the attempt in force, or of the next: it counts attempts that have, or had, a remote job."""
    last = max((past.attempt for past in status.attempts), default=0)
    if status.job_id is not None:
        return max(status.attempt or last + 1, 1)
    return last + 1 if last else max(status.attempt or 0, 1)


def has_run(status: SeedJobStatus, run_id: str) -> bool:
    """Tell whether a run is over and another one came after it."""
    return naming.run_hash(run_id) in status.past_runs


def ended_at_all(status: SeedJobStatus) -> bool:
    """Tell whether the end of the attempt in force is recorded: terminal, or cancelled to be held."""
    held_after_cancel = status.phase is Phase.SUSPENDED and status.job_id is not None
    return held_after_cancel or (status.phase is not None and status.phase.is_terminal)


def remote_deleted(status: SeedJobStatus) -> bool:
    """Tell whether the platform is known to have no record of the attempt in force any more."""
    return conditions.is_true(status.conditions, ConditionType.REMOTE_DELETED)
