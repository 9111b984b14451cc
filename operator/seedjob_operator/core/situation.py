"""What the rules found a SeedJob to be in, and how that reads in its status: the table of `resource.md` as code."""

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from seedjob_operator.core import attempts, conditions, cost, progress
from seedjob_operator.core.conditions import Verdict
from seedjob_operator.core.intent import Intent
from seedjob_operator.core.reasons import NEEDS_EDIT, Reason
from seedjob_operator.core.snapshot import Desired, Result
from seedjob_operator.resources import (
    Analytics,
    Artifacts,
    ConditionStatus,
    ConditionType,
    Gpu,
    Phase,
    Progress,
    ReadyWhen,
    SeedJobStatus,
)
from seedjob_operator.seedapi import wire

FORGOTTEN = Verdict(
    status=ConditionStatus.TRUE,
    reason=Reason.REMOTE_DELETED,
    message="The platform no longer has a record of this job.",
)
EXPIRED = Verdict(
    status=ConditionStatus.TRUE,
    reason=Reason.RECORD_EXPIRED,
    message="The remote record was removed by spec.remoteTTLSecondsAfterFinished.",
)
ENDED_BADLY = frozenset({Phase.FAILED, Phase.TIMED_OUT})


class Reading(NamedTuple):
    """How a phase reads in the conditions that tools wait for."""

    ready: ConditionStatus
    reconciling: ConditionStatus
    stalled: ConditionStatus
    complete: ConditionStatus
    failed: ConditionStatus


T, F = ConditionStatus.TRUE, ConditionStatus.FALSE

# phase            Ready    Reconciling Stalled Complete Failed
READINGS: Mapping[Phase, Reading] = {
    Phase.PENDING: Reading(F, T, F, F, F),
    Phase.SUSPENDED: Reading(T, F, F, F, F),
    Phase.QUEUED: Reading(F, T, F, F, F),
    Phase.RUNNING: Reading(F, T, F, F, F),
    Phase.UNKNOWN: Reading(F, T, F, F, F),
    Phase.CANCELLING: Reading(F, T, F, F, F),
    Phase.SUCCEEDED: Reading(T, F, F, T, F),
    Phase.FAILED: Reading(F, F, T, F, T),
    Phase.TIMED_OUT: Reading(F, F, T, F, T),
    Phase.CANCELLED: Reading(T, F, F, F, T),
}
NEEDS_EDIT_READING = Reading(F, F, T, F, F)
STARTED_READING = Reading(T, F, F, F, F)
_STARTED_COUNTS_IN = frozenset({Phase.QUEUED, Phase.RUNNING, Phase.UNKNOWN})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Situation:
    """What a SeedJob is in.

    Attributes:
        phase: its phase.
        reason: the most telling reason, for Ready and the Reason column.
        message: a sentence for it.
        synced: what the platform, or the way to it, says; None keeps what is recorded.
        attention: what was asked and isn't carried out; None where nothing is.
        remote_deleted: that the platform has no record of the job any more; None where nothing is known of that.
        deletion_blocked: whether deletion can't be done at present.
        intent: the attempt that this is about; None before the first.
        job: what the platform says of it, where it was seen.
        result: what was read beside its record: after its end, or its analytics while it ran.
        refused_name: the remote name that somebody else has.
        cancel_reason: why it is being cancelled.
        currency: of the platform's prices.
    """

    phase: Phase
    reason: Reason
    message: str
    synced: Verdict | None = None
    attention: Verdict | None = None
    remote_deleted: Verdict | None = None
    deletion_blocked: bool = False
    intent: Intent | None = None
    job: wire.Job | None = None
    result: Result = dataclasses.field(default_factory=Result)
    refused_name: str | None = None
    cancel_reason: Reason | None = None
    currency: str = "USD"


def compose(desired: Desired, situation: Situation, now: datetime) -> SeedJobStatus:
    """Give the whole status that a situation reads as, on top of what is recorded of the same attempt."""
    facts: dict[str, object] = {
        "phase": situation.phase,
        "observed_generation": desired.generation,
        "gpu": gpu_text(desired.spec.job.gpu) if desired.unreadable is None else desired.status.gpu,
        "last_sync_time": now if _heard(situation) else desired.status.last_sync_time or now,
        **_attempt_facts(desired, situation),
    }
    seen = _result_facts(situation.result)
    if situation.job is not None:
        seen |= _job_facts(desired.status, situation, situation.job)
    recorded = desired.status
    if _ends_now(recorded, situation):
        seen.setdefault("analytics", None)  # what was seen while it ran isn't its result
    ended = recorded.phase is not None and recorded.phase.is_terminal
    facts |= _missing_in(recorded, seen) if ended else seen  # what a result says doesn't change any more
    if situation.cancel_reason is not None:
        facts["cancel_reason"] = situation.cancel_reason.value
    # Validated and not copied: what is compared with the stored status must be cut and rounded as that is.
    status = SeedJobStatus.model_validate(dict(desired.status) | facts)
    verdicts = _verdicts(desired, situation, status)
    merged = conditions.merge(desired.status.conditions, verdicts, generation=desired.generation, now=now)
    return status.model_copy(update={"conditions": merged})


def _ends_now(recorded: SeedJobStatus, situation: Situation) -> bool:
    """Tell whether this is the end of the attempt: the platform says so, or has no record of it any more."""
    ends = situation.phase.is_terminal or (situation.job is not None and situation.job.status.terminal)
    return ends and not attempts.ended_at_all(recorded)


def _heard(situation: Situation) -> bool:
    """Whether the platform told something, or is not known to be silent."""
    return situation.synced is None or situation.synced.status is T


def _missing_in(recorded: SeedJobStatus, facts: dict[str, object]) -> dict[str, object]:
    return {field: value for field, value in facts.items() if getattr(recorded, field) is None}


def gpu_text(gpu: Gpu) -> str:
    """Give the column's text: `4xA100-80GB`, `1xL4` where the count is left out, `none`."""
    return "none" if gpu.type == "none" else f"{gpu.count or 1}x{gpu.type}"


def _attempt_facts(desired: Desired, situation: Situation) -> dict[str, object]:
    intent, recorded = situation.intent, desired.status
    if recorded.phase is not None and recorded.phase.is_terminal and recorded.job_id is None:
        return {}  # it ended without a job of its own: what was recorded then is all there is
    if intent is None:
        kept = recorded.job_name if recorded.job_id is not None else None
        # A run that ends before it had a job is over all the same.
        never_ran = situation.phase.is_terminal and recorded.job_id is None
        return {
            "attempt": recorded.attempt or 0,
            "job_name": situation.refused_name or kept,
            **({"run_id": desired.spec.run_id, "spec_hash": desired.spec_hash} if never_ran else {}),
        }
    another_run = recorded.job_id is None and recorded.run_id not in {None, intent.run_id}
    facts: dict[str, object] = {
        **({"earlier_cost": None} if another_run else {}),
        "attempt": intent.attempt,
        "run_id": intent.run_id,
        "spec_hash": intent.spec_hash,
        "job_name": situation.refused_name or intent.job_name,
        "seed_namespace": intent.seed_namespace,
        "connection": intent.connection or None,
    }
    return facts if recorded.job_id is None else _missing_in(recorded, facts)  # written once


def _job_facts(recorded: SeedJobStatus, situation: Situation, job: wire.Job) -> dict[str, object]:
    read = progress.read_progress(job.progress, runtime_seconds=job.runtime_seconds)
    price = cost.cost_of(job, currency=situation.currency)
    ended = situation.phase.is_terminal or job.status.terminal
    seen = {
        "start_time": recorded.start_time or job.started_at,
        "completion_time": job.completed_at if ended else None,
        "runtime_seconds": job.runtime_seconds,
        "progress": _at_end(read) if ended else read,
        "progress_text": progress.progress_text(read),
        "cost": price,
        "cost_text": cost.cost_text(price),
        "exit_code": job.exit_code if ended else None,
        "retries": job.retry_count,
        "nodes": job.num_nodes,
        "artifacts": artifacts_of(job) if ended else None,
    }
    known = {field: value for field, value in seen.items() if value is not None}
    return {"job_id": recorded.job_id or job.id, **known}


def _at_end(read: Progress | None) -> Progress | None:
    """An ended job has no time to go."""
    return None if read is None else read.model_copy(update={"eta_seconds": None})


def artifacts_of(job: wire.Job) -> Artifacts | None:
    """Give where the artifacts are and how large; never the signed URL, which is a credential."""
    if job.artifacts is None or job.artifacts.path is None:
        return None
    return Artifacts(
        path=job.artifacts.path,
        size_bytes=job.artifacts.size_bytes,
        file_count=job.artifacts.file_count,
        expires_at=job.artifacts.expires_at,
    )


def _result_facts(result: Result) -> dict[str, object]:
    facts: dict[str, object] = {}
    if result.analytics is not None:
        facts["analytics"] = analytics_of(result.analytics)
    if result.log_tail is not None:
        facts["log_tail"] = result.log_tail
    return facts


def analytics_of(analytics: wire.Analytics) -> Analytics:
    """Give the summary alone: series are never stored."""
    summary = analytics.summary.model_dump(exclude_none=True)
    known = {name: value for name, value in summary.items() if name in Analytics.model_fields}
    if "total_cost" in known:
        known["total_cost"] = cost.money(known["total_cost"])
    return Analytics.model_validate(known)


def _verdicts(desired: Desired, situation: Situation, status: SeedJobStatus) -> dict[ConditionType, Verdict]:
    reading = _reading(desired, situation, status)
    reason, message = situation.reason, situation.message
    told = {
        ConditionType.READY: Verdict(status=reading.ready, reason=reason, message=message),
        ConditionType.RECONCILING: Verdict(status=reading.reconciling, reason=reason, message=message),
        ConditionType.STALLED: Verdict(status=reading.stalled, reason=reason, message=message),
        ConditionType.SUBMITTED: _submitted(situation, status),
        ConditionType.COMPLETE: _ended(reading.complete, situation),
        ConditionType.FAILED: _ended(reading.failed, situation),
        ConditionType.SUSPENDED: _suspended(situation),
        ConditionType.ATTENTION: situation.attention or Verdict(status=F, reason=Reason.CARRIED_OUT),
    }
    if situation.deletion_blocked:  # says nothing of whether and how the job ended
        before = {condition.type for condition in desired.status.conditions}
        for kind in {ConditionType.COMPLETE, ConditionType.FAILED} & before:
            del told[kind]
    if situation.synced is not None:
        told[ConditionType.SYNCED] = situation.synced
    if situation.remote_deleted is not None:
        told[ConditionType.REMOTE_DELETED] = situation.remote_deleted
    return told


def _reading(desired: Desired, situation: Situation, status: SeedJobStatus) -> Reading:
    if situation.deletion_blocked:
        return READINGS[situation.phase]._replace(ready=F, reconciling=T, stalled=F)
    if situation.phase is Phase.PENDING and situation.reason in NEEDS_EDIT:
        return NEEDS_EDIT_READING
    started = situation.phase is Phase.RUNNING or status.start_time is not None
    if desired.spec.ready_when is ReadyWhen.STARTED and situation.phase in _STARTED_COUNTS_IN and started:
        return STARTED_READING
    return READINGS[situation.phase]


def _submitted(situation: Situation, status: SeedJobStatus) -> Verdict:
    if status.job_id is not None:
        return Verdict(status=T, reason=Reason.SUBMITTED, message=f"The platform took it as {status.job_name}.")
    return Verdict(status=F, reason=situation.reason, message=situation.message)


def _suspended(situation: Situation) -> Verdict:
    if situation.phase is Phase.SUSPENDED:
        return Verdict(status=T, reason=Reason.SUSPENDED, message=situation.message)
    return Verdict(status=F, reason=Reason.NOT_SUSPENDED)


def _ended(answer: ConditionStatus, situation: Situation) -> Verdict:
    if answer is T:
        return Verdict(status=answer, reason=situation.reason, message=situation.message)
    reason = situation.reason if situation.phase.is_terminal else Reason.NOT_ENDED
    return Verdict(status=answer, reason=reason)
