"""The attempts before the one in force: each left a record on the platform, which a deletion has to find again."""

import dataclasses
from collections.abc import Iterator

from seedjob_operator.core import naming
from seedjob_operator.core.case import Case
from seedjob_operator.core.intent import Intent
from seedjob_operator.core.snapshot import Connection
from seedjob_operator.resources import AttemptRecord, Phase, SeedJobStatus

_MOST_UNRECORDED = 200
"""How many attempts below the records are looked for: users can write the number of an attempt."""


@dataclasses.dataclass(frozen=True)
class Target:
    """One attempt to clean up: its remote name, the connection that leads there, and the question put for it alone."""

    name: str
    connection: str
    case: Case


def targets(case: Case) -> Iterator[Target]:
    """Give the earlier attempts, newest first: what is recorded, and below that what the numbers say."""
    status = case.desired.status
    older = tuple(AttemptRecord.model_validate(dict(job)) for job in status.older_jobs)
    for record in (*status.attempts, *older, *_unrecorded(case)):
        if record.job_name is not None:
            yield _target(case, record)


def _unrecorded(case: Case) -> Iterator[AttemptRecord]:
    """Give the attempts that are too old for any record, or whose records were wiped.

    Only generated names prove by themselves whose job it is; one under a chosen name is left, as was told.
    """
    status, intent = case.desired.status, case.intent
    if case.desired.spec.job_name is not None:
        return
    known = [*(record.attempt for record in status.attempts), *(job.attempt for job in status.older_jobs)]
    current = intent.attempt if intent is not None else case.next_attempt
    lowest = min([*known, current])
    for attempt in range(lowest - 1, max(lowest - 1 - _MOST_UNRECORDED, 0), -1):
        yield AttemptRecord(attempt=attempt, job_name=_generated(case, attempt), connection=_connection(case))


def _generated(case: Case, attempt: int) -> str:
    desired = case.desired
    uid = _origin(case) or desired.uid
    return naming.generated_name(namespace=desired.namespace, name=desired.name, uid=uid, attempt=attempt)


def _origin(case: Case) -> str | None:
    """Give the UID of the predecessor whose attempts a restored backup took over."""
    return case.stored_intent.origin_uid if case.stored_intent is not None else None


def _connection(case: Case) -> str | None:
    return case.intent.connection or None if case.intent is not None else case.desired.connection_name or None


def _target(case: Case, record: AttemptRecord) -> Target:
    """Put the question for an earlier attempt: its end is recorded, whatever became of its job since."""
    desired, name = case.desired, record.job_name or ""
    connection = case.observed.connection
    place = connection if isinstance(connection, Connection) else None
    intent = Intent(
        uid=desired.uid,
        namespace=desired.namespace,
        name=desired.name,
        attempt=record.attempt,
        run_id=record.run_id or desired.spec.run_id,
        job_name=name,
        endpoint=place.endpoint if place is not None else "",
        seed_namespace=record.seed_namespace or (place.seed_namespace if place is not None else ""),
        connection=record.connection or "",
        spec_hash=desired.spec_hash,
        time=desired.created_at or case.now,
        origin_uid=_origin(case) if record.job_id is None else None,
    )
    status = SeedJobStatus(
        phase=record.phase if record.phase is not None and record.phase.is_terminal else Phase.FAILED,
        job_name=name,
        job_id=record.job_id,
        attempt=record.attempt,
        run_id=record.run_id,
    )
    asked = dataclasses.replace(desired, status=status, intent=intent)
    return Target(name, intent.connection, Case(asked, case.observed, case.now))
