"""What a status is made of: conditions, and what is recorded of one attempt."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BeforeValidator, Field

from seedjob_operator.resources.model import (
    Model,
    Money,
    Number,
    ShortText,
    Text,
    Timestamp,
    Whole,
    cut,
)
from seedjob_operator.resources.vocabulary import ConditionStatus, Phase

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
