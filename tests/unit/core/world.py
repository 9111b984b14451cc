"""A model of the world around `decide`: one SeedJob in Kubernetes, a platform, and a controller that can crash anywhere.

It keeps a ledger of what was really done, which the rules never see.
"""

import dataclasses
from datetime import timedelta
from typing import Any

from seedjob_operator.core import environment, learning
from seedjob_operator.core.decide import decide
from seedjob_operator.core.decision import (
    BeginAttempt,
    CancelJob,
    CreateJob,
    Decision,
    DeleteJob,
    DeleteObject,
    DropIntent,
    MaskTexts,
    NoteGone,
    ReadEnvironment,
    ReadJob,
    ReadResult,
    ReleaseFinalizer,
    Step,
    WriteIntent,
)
from seedjob_operator.core.intent import Intent
from seedjob_operator.core.reasons import Reason
from seedjob_operator.core.snapshot import Connection, Desired, Observed
from seedjob_operator.resources import SeedJobSpec, SeedJobStatus
from seedjob_operator.seedapi.wire import Job, JobStatus
from unit.core import given

MOST_STEPS = 40


class CrashError(Exception):
    """The controller was killed, and all that it had seen is lost."""


class RefusedError(Exception):
    """Kubernetes refused a write: it was decided on what isn't so any more."""


@dataclasses.dataclass
class Platform:
    """Remote jobs by name, what was ever accepted, and with which versions of its Secrets."""

    jobs: dict[str, Job] = dataclasses.field(default_factory=dict)
    accepted: list[str] = dataclasses.field(default_factory=list)
    secrets: dict[str, str] = dataclasses.field(default_factory=dict)
    ids: int = 0

    def create(self, name: str, spec: SeedJobSpec, now: Any) -> Job | None:
        if name in self.jobs:
            return None
        self.ids += 1
        self.accepted.append(name)
        fields = {
            "image": spec.job.image,
            "id": f"job_{self.ids:012}",
            "created_at": now,
            "started_at": None,
            "command": spec.job.command,
        }
        self.jobs[name] = given.job(JobStatus.QUEUED, name=name, **fields)
        return self.jobs[name]

    def turn(self, name: str, status: JobStatus, now: Any) -> None:
        """Let a job go on."""
        times = {"completed_at": now, "exit_code": 0 if status is JobStatus.SUCCEEDED else 1} if status.terminal else {}
        changes = {"status": status, "started_at": now, "progress": f"1/2 {status}", **times}
        self.jobs[name] = self.jobs[name].model_copy(update=changes)

    def active(self) -> list[str]:
        return [name for name, job in self.jobs.items() if job.status.active]


@dataclasses.dataclass
class World:
    """One SeedJob and all that happens to it. `fault` is what befalls the next request: its answer, or itself, is lost."""

    spec: SeedJobSpec
    platform: Platform = dataclasses.field(default_factory=Platform)
    status: SeedJobStatus = dataclasses.field(default_factory=SeedJobStatus)
    status_wiped: bool = False
    secrets: str = "secrets-0"
    built_from: str = ""
    intent: Intent | None = None
    finalizer: bool = False
    deleting: bool = False
    paused: bool = False
    exists: bool = True
    held_by_others: bool = False
    generation: int = 1
    version: int = 1
    now: Any = given.NOW
    observed: Observed | None = None
    down: bool = False
    fault: str | None = None
    crash_in: int | None = None
    orphaned: set[str] = dataclasses.field(default_factory=set)
    statuses: list[SeedJobStatus] = dataclasses.field(default_factory=list)

    def desired(self) -> Desired:
        return given.desired(
            spec=self.spec,
            status=self.status,
            status_wiped=self.status_wiped,
            intent=self.intent,
            finalizer=self.finalizer,
            deleting=self.deleting,
            paused=self.paused,
            generation=self.generation,
            created_at=given.NOW,
        )

    def edit(self, **fields: Any) -> None:
        """Change the spec, as a user does."""
        self.spec = self.spec.model_copy(update=fields)
        self.generation += 1
        self.version += 1

    def wipe_status(self) -> None:
        """Empty it, as somebody may by hand; Kubernetes notes that it wasn't the operator."""
        self.status, self.status_wiped = SeedJobStatus(), True
        self.version += 1

    def delete(self) -> None:
        self.version += 1
        self.deleting = True
        self.exists = self.finalizer or self.held_by_others

    def connection(self) -> Connection:
        fault = given.fault() if self.down else None
        return dataclasses.replace(given.CONNECTION, fault=fault)

    def look(self, stale: tuple[Desired, int] | None = None) -> float | None:
        """Make a pass, on what is stored or on old news; give when to look again."""
        try:
            return self._pass(*(stale or (self.desired(), self.version)))
        except CrashError:
            self.observed = None
        except RefusedError:
            pass
        return 1.0

    def _pass(self, desired: Desired, version: int) -> float | None:
        seen = self.observed or Observed(connection=self.connection())
        observed = learning.pass_begun(seen, self.connection(), intent=desired.intent)
        for _ in range(MOST_STEPS):
            self.observed = observed
            decision = decide(desired, observed, self.now)
            self._maybe_crash()
            version = self._write(decision, version)
            if decision.step is None:
                self.observed = learning.pass_ended(observed)
                return decision.requeue_after
            self._maybe_crash()
            self._tell(decision)
            observed = self._take(decision.step, observed, desired, version)
            if not self.exists:
                return None
            desired, version = self.desired(), self.version
        raise AssertionError("the rules come to no end")

    def _maybe_crash(self) -> None:
        if self.crash_in is not None:
            self.crash_in -= 1
            if self.crash_in <= 0:
                self.crash_in = None
                raise CrashError

    def _check(self, version: int) -> None:
        if version != self.version:
            raise RefusedError

    def _write(self, decision: Decision, version: int) -> int:
        if decision.status is None:
            return version
        self._check(version)
        patch = {field: value for field, value in decision.status.dump().items() if value is not None}
        self.status, self.status_wiped = SeedJobStatus.read(patch), False
        self.statuses.append(self.status)
        self.version += 1
        return self.version

    def _tell(self, decision: Decision) -> None:
        for event in decision.events:
            if event.reason is Reason.ORPHANED:
                self.orphaned |= {name for name in self.platform.jobs if name in event.message}

    def _take(self, step: Step, observed: Observed, desired: Desired, version: int) -> Observed:
        match step:
            case BeginAttempt():
                return learning.attempt_begun(observed)
            case NoteGone():
                return learning.noted_gone(observed, step.name)
            case ReadEnvironment():
                self.built_from = self.secrets
                return learning.environment_read(observed, None, secrets=self.secrets)
            case MaskTexts():
                self._check_masks(step.secrets, observed)
                return learning.texts_masked(observed, dict.fromkeys(step.texts))
            case WriteIntent() | DropIntent() | ReleaseFinalizer() | DeleteObject():
                return self._metadata(step, observed, version)
        if self.down:
            raise AssertionError(f"{type(step).__name__} is asked of a platform that is known to be away")
        return self._remote(step, observed, desired)

    def _check_masks(self, stamp: str | None, observed: Observed) -> None:
        """I10: what is masked are the Secrets that the job was given, and no others."""
        name = observed.remote.name if isinstance(observed.remote, Job) else ""
        refers = bool(environment.references(self.spec.job)[0])
        if stamp is not None and (stamp or refers):
            assert stamp == self.platform.secrets.get(name), f"{name} was given other Secrets"

    def _metadata(self, step: Step, observed: Observed, version: int) -> Observed:
        self._check(version)
        before = self.intent
        self.version += 1
        match step:
            case WriteIntent():
                self.intent, self.finalizer = Intent.parse(step.intent.dump()), True
                self._maybe_crash()
                return learning.intent_written(observed, before=before, written=step.intent, known=step.sent)
            case DropIntent():
                self.intent, self.finalizer = None, False
                return learning.intent_dropped(observed)
            case DeleteObject():
                self.delete()
            case ReleaseFinalizer():
                self.intent, self.finalizer = None, False
                self.exists = not self.deleting or self.held_by_others
        return observed

    def _remote(self, step: Step, observed: Observed, desired: Desired) -> Observed:
        fault, self.fault = self.fault, None
        if fault == "request":
            return self._failed(step, observed)
        known = self._carry_out(step, observed, desired)
        self._maybe_crash()
        return self._failed(step, observed) if fault == "answer" else known

    def _failed(self, step: Step, observed: Observed) -> Observed:
        fault = dataclasses.replace(given.fault(), since=self.now)
        if isinstance(step, CreateJob):
            return learning.create_failed(observed, learning.Answer.UNANSWERED, fault=fault)
        if isinstance(step, ReadResult):
            return learning.result_read(observed, analytics=None, log_tail=None, now=self.now)
        return learning.step_failed(observed, fault)

    def _carry_out(self, step: Step, observed: Observed, desired: Desired) -> Observed:
        jobs = self.platform.jobs
        match step:
            case ReadJob():
                return self._read(step.name, observed)
            case CreateJob():
                made = self.platform.create(step.intent.job_name, desired.spec, self.now)
                if made is not None:
                    self.platform.secrets[made.name] = self.built_from
                    return learning.job_created(observed, made, now=self.now)
                return learning.create_failed(observed, learning.Answer.CONFLICT, fault=None)
            case CancelJob():
                if step.name not in jobs:
                    return learning.job_absent(observed, now=self.now)
                if jobs[step.name].status.terminal:
                    return learning.cancel_taken(observed, None, now=self.now)
                return learning.cancel_taken(observed, jobs[step.name], now=self.now)
            case DeleteJob():
                if step.name in jobs and jobs[step.name].status.active:
                    return learning.delete_refused(observed)
                jobs.pop(step.name, None)
                return learning.record_deleted(observed)
            case ReadResult():
                self._check_masks(step.secrets, observed)
                return learning.result_read(observed, analytics=None, log_tail=("x",), now=self.now)
        raise TypeError(type(step).__name__)

    def _read(self, name: str, observed: Observed) -> Observed:
        job = self.platform.jobs.get(name)
        if job is None:
            return learning.job_absent(observed, now=self.now)
        return learning.job_seen(observed, job, now=self.now)

    def poll(self, listed: dict[str, Job] | None = None) -> None:
        """Let a round of lists tell of the job in force, as it is or as it was a while ago."""
        if self.observed is None or self.intent is None or self.down:
            return
        known = self.platform.jobs if listed is None else listed
        job = known.get(self.intent.job_name)
        if job is None or job.status.terminal:
            if self.status.job_id is not None:
                self.observed = learning.job_unlisted(self.observed)
        elif self.observed.about in {None, job.name}:
            self.observed = learning.job_seen(self.observed, job, now=None, listed_at=self.now)

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
