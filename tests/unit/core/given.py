"""What `decide` can be given, with names for what the tests talk about."""

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

from seedjob_operator.core import naming
from seedjob_operator.core.intent import Intent
from seedjob_operator.core.reasons import Reason
from seedjob_operator.core.situation import Situation, compose
from seedjob_operator.core.snapshot import Connection, Desired, Fault, Hold, Observed, Reach
from seedjob_operator.core.verdicts import SYNCED
from seedjob_operator.resources import AttemptRecord, Condition, ConditionType, Phase, SeedJobSpec, SeedJobStatus
from seedjob_operator.seedapi.wire import Job, JobStatus

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
EARLIER = NOW - timedelta(minutes=30)
"""When the attempt was submitted: long enough ago for its job to be visible."""
NAMESPACE, NAME = "research", "finetune"
UID, FOREIGN_UID = "0d3c5b1e-uid-own", "9a8b7c6d-uid-before-the-restore"
GENERATED = naming.generated_name(namespace=NAMESPACE, name=NAME, uid=UID, attempt=1)
INHERITED = naming.generated_name(namespace=NAMESPACE, name=NAME, uid=FOREIGN_UID, attempt=1)
SECOND = naming.generated_name(namespace=NAMESPACE, name=NAME, uid=UID, attempt=2)
CHOSEN = "nightly"
JOB_ID, OTHER_ID = "job_000000000001", "job_00000000000f"

CONNECTION = Connection(name="", endpoint="https://seed.example", seed_namespace="acme")
UNPROVEN = dataclasses.replace(CONNECTION, proven=False)
ELSEWHERE = dataclasses.replace(CONNECTION, seed_namespace="globex")
NO_SECRET = Hold(reason=Reason.SECRET_NOT_FOUND, message="The Secret acme doesn't exist: create it.")
NOT_ALLOWED = Hold(reason=Reason.ENDPOINT_NOT_ALLOWED, message="The endpoint isn't on the allow-list.")
NO_HF = Hold(reason=Reason.SECRET_NOT_FOUND, message="The Secret hf doesn't exist: create it.")


def fault(reach: Reach = Reach.UNREACHABLE, *, ago: float = 60.0, retry_after: float | None = None) -> Fault:
    reason = Reason.PLATFORM_UNAVAILABLE if reach is Reach.UNREACHABLE else Reason.UNAUTHORIZED
    since = NOW - timedelta(seconds=ago)
    return Fault(reason=reason, message="It failed.", reach=reach, since=since, retry_after=retry_after)


DOWN = dataclasses.replace(CONNECTION, fault=fault())
REFUSED = dataclasses.replace(CONNECTION, fault=fault(Reach.REFUSED))
BLINK = dataclasses.replace(CONNECTION, fault=fault(ago=3.0))


JOB: dict[str, Any] = {"image": "busybox", "command": "true", "gpu": {"type": "L4"}}


def spec(**fields: Any) -> SeedJobSpec:
    return SeedJobSpec.model_validate({"job": JOB, "jobName": None, **fields})


SPEC = spec()
CHANGED = {"job": {"image": "busybox", "command": "false", "gpu": {"type": "L4"}}}


def intent(**fields: Any) -> Intent:
    known: dict[str, Any] = {
        "uid": UID,
        "namespace": NAMESPACE,
        "name": NAME,
        "attempt": 1,
        "run_id": "1",
        "job_name": GENERATED,
        "endpoint": CONNECTION.endpoint,
        "seed_namespace": CONNECTION.seed_namespace,
        "connection": "",
        "spec_hash": naming.spec_hash(SPEC.job),
        "time": EARLIER,
    }
    return Intent(**(known | fields))


OWN = intent()
NEW = intent(time=NOW - timedelta(seconds=10))
"""Stored just now: a create can be sent under it without renewing it."""
CHOSEN_INTENT = intent(job_name=CHOSEN)
RESTORED = intent(uid=FOREIGN_UID, job_name=INHERITED)
SECOND_INTENT = intent(attempt=2, run_id="2", job_name=SECOND)
TO_BE_HELD = dataclasses.replace(OWN, cancel_reason="Suspended")
FIRST = AttemptRecord(attempt=1, run_id="1", job_name=GENERATED, job_id="job_of_attempt_1", phase=Phase.FAILED)
"""The first attempt, once it is over and another one follows."""
RERUN: dict[str, Any] = {"attempts": (FIRST,), "past_runs": (naming.run_hash("1"),)}
TAKEN_OVER = intent(origin_uid=FOREIGN_UID, job_name=INHERITED)
COPIED = intent(name="other", job_name=naming.generated_name(namespace=NAMESPACE, name="other", uid=UID, attempt=1))
FORGED = intent(job_name="somebody-elses-job")


def job(status: JobStatus | str = JobStatus.RUNNING, *, name: str = GENERATED, **fields: Any) -> Job:
    known: dict[str, Any] = {
        "id": JOB_ID,
        "name": name,
        "status": str(status),
        "cost_per_hour": "3.60",
        "runtime_seconds": 100,
        "created_at": EARLIER + timedelta(seconds=1),
        "image": "busybox",
        "command": "true",
        "gpu": "L4",
    }
    if status != JobStatus.QUEUED:
        known["started_at"] = EARLIER + timedelta(seconds=10)
    if JobStatus.read(str(status)).terminal:
        known |= {"completed_at": NOW - timedelta(seconds=5), "exit_code": 0 if status == JobStatus.SUCCEEDED else 1}
    return Job.model_validate(known | fields)


_REASONS = {
    Phase.PENDING: Reason.PLATFORM_UNAVAILABLE,
    Phase.SUSPENDED: Reason.SUSPENDED,
    Phase.QUEUED: Reason.QUEUED,
    Phase.RUNNING: Reason.RUNNING,
    Phase.UNKNOWN: Reason.UNKNOWN_REMOTE_STATUS,
    Phase.CANCELLING: Reason.DELETING,
    Phase.SUCCEEDED: Reason.SUCCEEDED,
    Phase.FAILED: Reason.FAILED,
    Phase.CANCELLED: Reason.CANCELLED_BY_USER,
    Phase.TIMED_OUT: Reason.DEADLINE_EXCEEDED,
}


_CANCELLED = frozenset({Phase.SUSPENDED, Phase.CANCELLING, Phase.CANCELLED})


def recorded(
    phase: Phase | None,
    *,
    reason: Reason | None = None,
    of: Intent | None = OWN,
    job_id: str | None = JOB_ID,
    spec: SeedJobSpec = SPEC,
    at: datetime = NOW - timedelta(minutes=20),
    **fields: Any,
) -> SeedJobStatus:
    """Give the status that the operator itself would have written; None for an object that it never saw."""
    if phase is None:
        return SeedJobStatus()
    before = SeedJobStatus(job_id=None if phase is Phase.PENDING else job_id)
    blank = Desired(namespace=NAMESPACE, name=NAME, uid=UID, generation=1, spec=spec, status=before)
    why = reason or _REASONS[phase]
    cancelled = why if phase in _CANCELLED or why is Reason.COST_LIMIT_EXCEEDED else None
    situation = Situation(
        phase=phase, reason=why, message="As it was.", intent=of, synced=SYNCED, cancel_reason=cancelled
    )
    return compose(blank, situation, at).model_copy(update=fields)


def desired(**fields: Any) -> Desired:
    known: dict[str, Any] = {
        "namespace": NAMESPACE,
        "name": NAME,
        "uid": UID,
        "generation": 1,
        "spec": SPEC,
        "status": SeedJobStatus(),
        "finalizer": fields.get("intent") is not None or fields.get("stray_intent", False),
    }
    return Desired(**(known | fields))


def observed(**fields: Any) -> Observed:
    return Observed(**({"connection": CONNECTION} | fields))


def absences(*seconds_ago: float) -> tuple[datetime, ...]:
    return tuple(NOW - timedelta(seconds=seconds) for seconds in seconds_ago)


def condition(status: SeedJobStatus, kind: ConditionType) -> Condition | None:
    return next((found for found in status.conditions if found.type == kind), None)
