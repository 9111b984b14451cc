"""The status of a SeedJob: what the operator records.

Everything is optional, because a status can be missing, wiped or edited; `Status.read` reads it with
tolerance. Texts from outside are cut to their bounds and never refused, and numbers from the platform have
no bounds but their width: Kubernetes refuses a status as a whole for one bad field, and a stale status is
worse than an odd one.
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from seedjob_operator.resources.facts import (
    MAX_CONDITIONS,
    Analytics,
    Artifacts,
    AttemptRecord,
    Condition,
    Cost,
    OlderJob,
    Progress,
    Reason,
)
from seedjob_operator.resources.model import (
    LogLine,
    Money,
    ShortText,
    Status,
    Text,
    Timestamp,
    Whole,
)
from seedjob_operator.resources.rules import ATOMIC_LIST, list_map
from seedjob_operator.resources.vocabulary import Phase

# Together with the lengths of the texts these keep a status below 100 KiB.
MAX_ATTEMPTS: Final = 10
MAX_OLDER_JOBS: Final = 20
MAX_PAST_RUNS: Final = 200
MAX_LOG_LINES: Final = 100


class SeedJobStatus(Status):
    """What the operator last knew about the job. Only the operator writes it."""

    observed_generation: Annotated[int, Field(ge=-1, json_schema_extra={"format": "int64"})] = -1
    """The metadata.generation that the conditions were computed from; -1 before the operator has looked at
    the SeedJob, so that no tool takes it for settled."""

    phase: Phase | None = None
    """Where the job stands: Pending (not submitted), Suspended, Queued, Running, Cancelling, Succeeded,
    Failed, Cancelled, TimedOut, or Unknown (the platform reports a state that this operator doesn't know)."""

    conditions: Annotated[
        tuple[Condition, ...], Field(max_length=MAX_CONDITIONS, json_schema_extra=list_map("type"))
    ] = ()
    """The state in Kubernetes' standard shape. `kubectl wait --for=condition=Complete` waits for success;
    Ready, Reconciling and Stalled are what GitOps tools read, and the reason of Ready is the most telling
    one."""

    job_name: ShortText | None = None
    """Name of the remote job of this attempt."""

    job_id: ShortText | None = None
    """The platform's id of the remote job; present once the platform has accepted it."""

    seed_namespace: ShortText | None = None
    """User or organization on the Seed platform in which the remote job is."""

    connection: Annotated[str, Field(max_length=253)] | None = None
    """SeedConnection that the attempt is bound to; absent for the operator's default connection."""

    run_id: ShortText | None = None
    """spec.runId that this attempt runs for."""

    spec_hash: ShortText | None = None
    """Fingerprint of the spec.job that was sent."""

    attempt: Whole | None = None
    """Number of this attempt: 0 before the first, then it counts the remote jobs."""

    cancel_reason: Reason | None = None
    """Why the operator asked the platform to cancel the attempt; recorded before it asks."""

    start_time: Timestamp | None = None
    """When the platform first started the attempt."""

    completion_time: Timestamp | None = None
    """When the attempt ended."""

    runtime_seconds: Whole | None = None
    """Seconds that the attempt has run, by the platform's clock."""

    progress: Progress | None = None
    """How far the attempt is."""

    cost: Cost | None = None
    """What the attempt costs."""

    exit_code: Whole | None = None
    """Exit code of the command, where the platform gave one."""

    retries: Whole | None = None
    """How often the platform started the command again (see spec.job.maxRetries)."""

    nodes: Whole | None = None
    """Number of nodes of the attempt."""

    artifacts: Artifacts | None = None
    """What the attempt left in the artifact storage."""

    analytics: Analytics | None = None
    """The platform's summary of the attempt: the final one once it has ended, and before that how it was when the rate
    limit last had a request to spare, at most every 5 minutes."""

    log_tail: Annotated[tuple[LogLine, ...], Field(max_length=MAX_LOG_LINES, json_schema_extra=ATOMIC_LIST)] | None = (
        None
    )
    """Last lines of the log of an attempt that ended badly, oldest first; how many is spec.logs.tailLines.
    Values of the job's secret variables are masked."""

    attempts: Annotated[tuple[AttemptRecord, ...], Field(max_length=MAX_ATTEMPTS, json_schema_extra=ATOMIC_LIST)] = ()
    """Earlier attempts, newest first, at most 10."""

    older_jobs: Annotated[tuple[OlderJob, ...], Field(max_length=MAX_OLDER_JOBS, json_schema_extra=ATOMIC_LIST)] = ()
    """Remote jobs of the 20 attempts before those, newest first, where jobName named them: deleting the SeedJob
    removes their records, too."""

    past_runs: Annotated[
        tuple[Annotated[str, Field(max_length=16)], ...],
        Field(max_length=MAX_PAST_RUNS, json_schema_extra=ATOMIC_LIST),
    ] = ()
    """Fingerprints of the last 200 values of spec.runId that were run: setting one of them again starts
    nothing."""

    earlier_cost: Money | None = None
    """What the earlier attempts of this runId cost together; spec.costLimit counts it in."""

    previous_artifacts: Text | None = None
    """Path of the artifacts that an earlier attempt left; the next one gets it as SEED_PREVIOUS_ARTIFACTS."""

    last_sync_time: Timestamp | None = None
    """When the platform last told about the job."""

    gpu: ShortText | None = None
    """The GPUs as the column shows them, for example 4xA100-80GB."""

    progress_text: ShortText | None = None
    """The progress as the column shows it, for example 67 %."""

    cost_text: ShortText | None = None
    """The cost as the column shows it, for example 12.80 USD."""
