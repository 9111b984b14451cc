"""SeedJob: a batch job on the Seed platform, with its verbs and policies."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import ConfigDict, Field, WithJsonSchema

from seedjob_operator.resources.environment import ObjectName
from seedjob_operator.resources.job import JobSpec
from seedjob_operator.resources.model import Model, Money
from seedjob_operator.resources.rules import Refusal, Rule, ruled_by
from seedjob_operator.resources.status import MAX_LOG_LINES, SeedJobStatus
from seedjob_operator.resources.vocabulary import AdoptionPolicy, DeletionPolicy, ReadyWhen, UpdatePolicy

_INT32: Final = 2**31 - 1

CostLimit = Annotated[
    Money,
    WithJsonSchema({"type": "string", "maxLength": 16}),
    Rule(
        cel="self.matches('^[0-9]{1,9}([.][0-9]{1,2})?$') && self.matches('[1-9]')",
        message="write an amount above zero as a quoted decimal with at most two places, for example '250.00'",
    ),
]
"""An amount of money that a user writes."""

JobName = Annotated[
    str,
    Field(max_length=48),
    Rule(
        cel="self.matches('^[A-Za-z0-9_-]+$')",
        message="use only letters, digits, '-' and '_', for example nightly-finetune",
    ),
]
"""A remote name that a user chose; attempts after the first append `-2`, `-3`."""

RunId = Annotated[
    str,
    Field(max_length=64),
    Rule(
        cel="self.matches('^[!-~]+$')",
        message="runId is one word without spaces, for example 2 or a commit's hash",
    ),
]
"""What tells one run of a SeedJob from the next."""

Seconds = Annotated[int, Field(ge=0, le=_INT32)]


class ConnectionRef(Model):
    """Names the SeedConnection to use."""

    name: ObjectName
    """Name of a SeedConnection in the SeedJob's namespace."""


class Logs(Model):
    """What of the log is kept in the status."""

    tail_lines: Annotated[int, Field(ge=0, le=MAX_LOG_LINES)] = 20
    """How many of the log's last lines are kept in status.logTail when an attempt ends badly, at most 100; 0
    keeps none. Left out: 20."""


class SeedJobSpec(Model):
    """What the user wants: the job, and how to treat it. The operator never writes to it."""

    model_config = ConfigDict(
        json_schema_extra=ruled_by(
            Rule(
                cel="!self.deleteArtifacts || self.deletionPolicy == 'Delete'",
                message="deleteArtifacts works with deletionPolicy Delete only, because Cancel and Orphan"
                " keep the remote record: set deletionPolicy to Delete, or take deleteArtifacts out",
                reason=Refusal.FORBIDDEN,
                field_path=".deleteArtifacts",
            ),
            Rule(
                cel="!self.deleteArtifacts || !has(self.remoteTTLSecondsAfterFinished)",
                message="deleteArtifacts acts when the SeedJob is deleted, and remoteTTLSecondsAfterFinished"
                " removes the remote record before that: take one of them out",
                reason=Refusal.FORBIDDEN,
                field_path=".deleteArtifacts",
            ),
            Rule(
                cel="self.runId != oldSelf.runId || (has(self.connectionRef) == has(oldSelf.connectionRef)"
                " && (!has(self.connectionRef) || self.connectionRef == oldSelf.connectionRef))",
                message="connectionRef can change only together with runId: set a new runId in the same"
                " change to run again over the other connection",
                reason=Refusal.FORBIDDEN,
                field_path=".connectionRef",
            ),
        )
    )

    job: JobSpec
    """The job: what runs, on what. Once it was submitted it changes only together with runId, or with
    updatePolicy Replace."""

    connection_ref: ConnectionRef | None = None
    """The SeedConnection (endpoint, credential, Seed namespace) that the job is submitted through. Left out:
    the operator's default connection. Changes only together with runId."""

    job_name: JobName | None = None
    """Name of the remote job, unique in its Seed namespace. Left out: made from the SeedJob's name and UID,
    which is never taken. Can't be changed once the job was submitted."""

    adoption_policy: AdoptionPolicy = AdoptionPolicy.NEVER
    """Whether a remote job that exists under jobName may be taken over: Never, or IfMatching when all that
    the platform tells about it equals spec.job. Left out: Never."""

    run_id: RunId = "1"
    """Change it to run the job again: a new attempt starts, and one that is active is cancelled first. A
    value that was run before starts nothing. Left out: "1"."""

    update_policy: UpdatePolicy = UpdatePolicy.IMMUTABLE
    """What a changed spec.job does once the job was submitted: with Immutable the change is refused unless
    runId changes too; with Replace what runs is cancelled and a new attempt starts. Left out: Immutable."""

    suspend: bool = False
    """Hold the job: true keeps it from being submitted, or cancels the active attempt; false again starts a
    new one, unless the run had ended by itself. Left out: false."""

    cancel: bool = False
    """Cancel the run of this runId for good; setting it back to false revives nothing, a new runId does. Left
    out: false."""

    ready_when: ReadyWhen = ReadyWhen.FINISHED
    """When the Ready condition, for which GitOps tools wait, becomes True: Finished, or Started as soon as
    the job runs. Left out: Finished."""

    deletion_policy: DeletionPolicy = DeletionPolicy.DELETE
    """What happens to the remote job when the SeedJob is deleted: Delete cancels it, waits for its end and
    removes its record; Cancel cancels it and keeps the record; Orphan leaves it running, unwatched and at
    your cost. Left out: Delete."""

    delete_artifacts: bool = False
    """Also delete the uploaded artifacts when the SeedJob is deleted, which can't be undone. Works with
    deletionPolicy Delete, and without remoteTTLSecondsAfterFinished. Left out: false."""

    ttl_seconds_after_finished: Seconds | None = None
    """Seconds after the end when the SeedJob itself is deleted, following deletionPolicy. Not carried out for
    what Argo CD or Flux tracks, because they would create it again. Left out: it stays."""

    remote_ttl_seconds_after_finished: Annotated[Seconds | None, Field(alias="remoteTTLSecondsAfterFinished")] = None
    """Seconds after the end when the remote record is removed; the SeedJob stays, with its result. Left out:
    it stays."""

    cost_limit: CostLimit | None = None
    """Amount of money, in the operator's currency, at which the job is cancelled with the reason
    CostLimitExceeded: a quoted decimal such as "250.00". Counts all attempts of this runId, by the platform's
    prices. Left out: no limit."""

    logs: Logs = Logs()
    """What of the log is kept in the status."""


class SeedJob(Model):
    """SeedJob runs one GPU batch job on the Seed platform and shows its phase, progress, cost and result."""

    model_config = ConfigDict(
        json_schema_extra=ruled_by(
            # Only at the root can a rule see the status, which says whether the job was submitted.
            Rule(
                cel="!has(oldSelf.status) || !has(oldSelf.status.jobId) || self.spec.updatePolicy =="
                " 'Replace'"
                " || self.spec.runId != oldSelf.spec.runId || self.spec.job == oldSelf.spec.job",
                message="job can't change once it was submitted: set a new runId in the same change to run"
                " again with it, or updatePolicy Replace to have the running attempt cancelled and replaced",
                reason=Refusal.FORBIDDEN,
                field_path=".spec.job",
            ),
            Rule(
                cel="!has(oldSelf.status) || !has(oldSelf.status.jobId)"
                " || (has(self.spec.jobName) == has(oldSelf.spec.jobName)"
                " && (!has(self.spec.jobName) || self.spec.jobName == oldSelf.spec.jobName))",
                message="jobName can't change once the job was submitted: put the old one back, or make a"
                " new SeedJob with the new name",
                reason=Refusal.FORBIDDEN,
                field_path=".spec.jobName",
            ),
        )
    )

    spec: SeedJobSpec
    """What to run, and how to treat it."""

    status: SeedJobStatus = SeedJobStatus()
    """What the operator last knew about the job. Only the operator writes it."""
