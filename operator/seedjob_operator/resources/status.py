"""The statuses: what the operator records.

Everything is optional, because a status can be missing, wiped or edited; `Status.read` reads it with
tolerance. Texts from outside are cut to their bounds and never refused, and numbers from the platform have
no bounds but their width: Kubernetes refuses a status as a whole for one bad field, and a stale status is
worse than an odd one.
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BeforeValidator, Field

from seedjob_operator.resources.model import (
    LogLine,
    Model,
    Money,
    Number,
    ShortText,
    Status,
    Text,
    Timestamp,
    Whole,
    cut,
)
from seedjob_operator.resources.rules import ATOMIC_LIST, list_map
from seedjob_operator.resources.vocabulary import ConditionStatus, Phase

# Together with the lengths of the texts these keep a status below 100 KiB.
MAX_ATTEMPTS: Final = 10
MAX_OLDER_JOBS: Final = 20
MAX_PAST_RUNS: Final = 200
MAX_LOG_LINES: Final = 100
MAX_CONDITIONS: Final = 12

Reason = Annotated[str, Field(min_length=1, max_length=64, pattern="^[A-Za-z]([A-Za-z0-9_]*[A-Za-z0-9])?$")]
"""A condition's reason: one PascalCase word."""


class Condition(Model):
    """One aspect of the state, in Kubernetes' standard shape (metav1.Condition)."""

    type: Annotated[str, Field(min_length=1, max_length=64)]
    """Which aspect: for a SeedJob Submitted, Complete, Failed, Suspended, Synced, Attention, RemoteDeleted,
    and for GitOps tools Ready, Reconciling and Stalled."""

    status: ConditionStatus
    """Whether it holds: True, False or Unknown."""

    observed_generation: Annotated[int, Field(ge=-1, json_schema_extra={"format": "int64"})] | None = None
    """The metadata.generation that the condition was computed from."""

    last_transition_time: Timestamp
    """When status last changed from one value to another."""

    reason: Reason
    """Why, in one PascalCase word that programs can rely on."""

    message: Text
    """Why, in a sentence, and what to do about it."""


class Progress(Model):
    """How far the run is, as its own output tells."""

    message: Text | None = None
    """The progress as the platform reports it, for example Epoch 2/3 - Step 4200/6300."""

    percent: Whole | None = None
    """How much is done, from 0 to 100; absent where the message has no number to compute it from."""

    current: Whole | None = None
    """The step that the run is at."""

    total: Whole | None = None
    """The number of steps that the run has."""

    eta_seconds: Whole | None = None
    """Estimate of the seconds until the end, from the progress so far."""


class Cost(Model):
    """What the attempt costs. Amounts are decimal strings."""

    per_hour: Money | None = None
    """Price of one hour of the whole job, all nodes together."""

    total: Money | None = None
    """Cost so far, or of the whole attempt once it has ended: the platform's figure where it gives one, else
    the price per hour times the run time."""

    currency: ShortText | None = None
    """Currency of the amounts, from the operator's settings: the platform names none."""


class Artifacts(Model):
    """What the attempt left in the artifact storage."""

    path: Text | None = None
    """Path of the artifacts, as asked for in spec.job.artifactsPath."""

    size_bytes: Whole | None = None
    """Size of all files together in bytes."""

    file_count: Whole | None = None
    """Number of files."""

    expires_at: Timestamp | None = None
    """When the platform removes them."""


class Analytics(Model):
    """The platform's summary of the attempt. Utilization is in percent, memory and traffic in GB."""

    gpu_utilization_avg: Number | None = None
    """Average utilization of the GPUs in percent."""

    gpu_utilization_max: Number | None = None
    """Highest utilization of the GPUs in percent."""

    gpu_memory_used_gb_max: Number | None = None
    """Most GPU memory in use at any time, in GB."""

    cpu_utilization_avg: Number | None = None
    """Average utilization of the CPUs in percent."""

    memory_used_gb_max: Number | None = None
    """Most memory in use at any time, in GB."""

    network_in_gb: Number | None = None
    """Traffic received, in GB."""

    network_out_gb: Number | None = None
    """Traffic sent, in GB."""

    total_cost: Money | None = None
    """Cost of the attempt as the platform's analytics give it, a decimal string."""

    runtime_seconds: Whole | None = None
    """Seconds that the attempt ran."""

    queue_seconds: Whole | None = None
    """Seconds that the attempt waited in the platform's queue."""


class AttemptRecord(Model):
    """An earlier attempt: which remote job it was and how it ended."""

    attempt: Whole
    """Number of the attempt, from 1."""

    run_id: ShortText | None = None
    """spec.runId that the attempt ran for."""

    job_name: ShortText | None = None
    """Name of the remote job."""

    job_id: ShortText | None = None
    """The platform's id of the remote job."""

    phase: Phase | None = None
    """Phase in which the attempt ended."""

    reason: Reason | None = None
    """Why the attempt ended so."""

    start_time: Timestamp | None = None
    """When the platform first started it."""

    completion_time: Timestamp | None = None
    """When the attempt ended."""

    runtime_seconds: Whole | None = None
    """Seconds that the attempt ran."""

    cost: Cost | None = None
    """What the attempt cost."""

    exit_code: Whole | None = None
    """Exit code of its command, where the platform gave one."""

    seed_namespace: ShortText | None = None
    """User or organization on the Seed platform in which the remote job is."""

    connection: Annotated[str, Field(max_length=253)] | None = None
    """SeedConnection that the attempt ran through; absent for the operator's default connection."""


_Id = Annotated[str, BeforeValidator(cut(64)), Field(max_length=64)]


class OlderJob(Model):
    """The remote job of an attempt that is too old for `attempts`: what it takes to find it again and remove it."""

    attempt: Whole
    """Number of the attempt."""

    job_name: _Id
    """Name of the remote job."""

    job_id: _Id
    """The platform's id of the remote job."""

    seed_namespace: _Id | None = None
    """User or organization on the Seed platform in which the remote job is."""

    connection: Annotated[str, Field(max_length=253)] | None = None
    """SeedConnection that the attempt ran through; absent for the operator's default connection."""


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


class RateLimit(Model):
    """The platform's rate limit, as its last answer told."""

    limit: Whole | None = None
    """Requests that the credential has per minute."""

    remaining: Whole | None = None
    """Requests that were left."""

    reset_time: Timestamp | None = None
    """When the count starts anew."""


class SeedConnectionStatus(Status):
    """What the operator last knew about the connection. Only the operator writes it."""

    observed_generation: Annotated[int, Field(ge=-1, json_schema_extra={"format": "int64"})] = -1
    """The metadata.generation that the conditions were computed from; -1 before the operator has looked at
    the SeedConnection."""

    conditions: Annotated[
        tuple[Condition, ...], Field(max_length=MAX_CONDITIONS, json_schema_extra=list_map("type"))
    ] = ()
    """The state in Kubernetes' standard shape. Ready is True while the platform answers with this credential;
    otherwise its reason and message say what is wrong."""

    rate_limit: RateLimit | None = None
    """What the platform last told about its rate limit."""

    active_jobs: Whole | None = None
    """Number of SeedJobs with a remote job, through this connection, that hasn't ended."""

    last_success_time: Timestamp | None = None
    """When the platform last answered a request of this connection."""
