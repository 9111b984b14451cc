"""The stub platform's jobs: they follow a script instead of running, and every change keeps its exact time.

Pure: the time is passed in, as seconds since 1970. What is due is done before each look, at the time when it was due.
"""

import dataclasses
import heapq
import itertools
import random
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from seedjob_operator.seedapi import wire
from seedjob_operator.seedapi.wire import JobStatus

_PRICE = Decimal("12.80")
PROGRESS_STEPS = 1_000_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Script:
    """What becomes of a new job: seconds in its queue and of its run (None: for ever), and between two progress texts."""

    queued_for: float | None = None
    runs_for: float | None = None
    progress_every: float | None = None


@dataclasses.dataclass(slots=True, kw_only=True)
class ScriptedJob:
    """One job."""

    id: str
    name: str
    created: float
    script: Script
    request: dict[str, Any]
    status: JobStatus = JobStatus.QUEUED
    started: float | None = None
    ended: float | None = None
    progress_shift: float = 0.0

    def step(self, now: float) -> int:
        """Give the number of the progress text that it shows."""
        if self.started is None or not self.script.progress_every:
            return 0
        return int(((self.ended or now) - self.started + self.progress_shift) / self.script.progress_every)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Listing:
    """Which jobs are asked for."""

    status: JobStatus | None
    sort: str
    order: str
    page: int
    per_page: int


class NameTakenError(Exception):
    """There is a job of that name."""


class WrongStateError(Exception):
    """The job is not in a state in which this can be done."""


class Jobs:
    """All jobs of the platform."""

    def __init__(self, script: Script | None = None) -> None:
        self.script = script or Script()
        self._jobs: dict[str, ScriptedJob] = {}
        self._by_status: dict[JobStatus, dict[str, ScriptedJob]] = {status: {} for status in JobStatus}
        self._sorted: dict[tuple[JobStatus | None, str, str], list[ScriptedJob]] = {}
        self._due: list[tuple[float, int, str, JobStatus]] = []
        self._numbers = itertools.count(1)
        self.gone: list[ScriptedJob] = []

    def __len__(self) -> int:
        """Give the number of jobs."""
        return len(self._jobs)

    def create(self, request: dict[str, Any], now: float) -> ScriptedJob:
        """Take a job in.

        Raises:
            NameTakenError: there is one of that name.
        """
        name = request["name"]
        if name in self._jobs:
            raise NameTakenError(name)
        job = ScriptedJob(
            id=f"job_{next(self._numbers):012x}", name=name, created=now, script=self.script, request=request
        )
        self._place(job, JobStatus.QUEUED)
        if job.script.queued_for is not None:
            self._plan(now + job.script.queued_for, job, JobStatus.RUNNING)
        return job

    def load(self, *, id: str, name: str, created: float, started: float, ended: float | None) -> None:  # noqa: A002  # the wire's word
        """Take in a job as if it had been there before. Its progress texts come at times of its own."""
        request = {"name": name, "command": "true", "gpu": "none", "image": "busybox"}
        every = self.script.progress_every or 0.0
        job = ScriptedJob(
            id=id,
            name=name,
            created=created,
            started=started,
            ended=ended,
            script=self.script,
            request=request,
            progress_shift=random.uniform(0.0, every),  # noqa: S311  # spreads the load
        )
        self._place(job, JobStatus.RUNNING if ended is None else JobStatus.SUCCEEDED)

    def get(self, name: str) -> ScriptedJob | None:
        """Give a job, or None."""
        return self._jobs.get(name)

    def all(self) -> Iterable[ScriptedJob]:
        """Give every job that there is or was."""
        return itertools.chain(self.gone, self._jobs.values())

    def cancel(self, name: str, now: float) -> ScriptedJob | None:
        """Cancel a job; it ends at once.

        Raises:
            WrongStateError: it has ended.
        """
        job = self._jobs.get(name)
        if job is not None:
            if job.status.terminal:
                raise WrongStateError(name)
            self._become(job, JobStatus.CANCELLED, now)
        return job

    def delete(self, name: str) -> ScriptedJob | None:
        """Remove a job's record.

        Raises:
            WrongStateError: it has not ended.
        """
        job = self._jobs.get(name)
        if job is not None:
            if not job.status.terminal:
                raise WrongStateError(name)
            del self._jobs[name]
            del self._by_status[job.status][name]
            self._changed(job.status)
            self.gone.append(job)
        return job

    def end(self, names: list[str] | None, *, within: float, now: float) -> int:
        """Have running jobs succeed at times spread over the next seconds; all of them where none is named."""
        running = self._by_status[JobStatus.RUNNING]
        chosen = list(running.values()) if names is None else [running[name] for name in names if name in running]
        for job in chosen:
            self._plan(now + random.uniform(0.0, within), job, JobStatus.SUCCEEDED)  # noqa: S311  # spreads the load
        return len(chosen)

    def advance(self, now: float) -> None:
        """Do what was due, each at its own time."""
        while self._due and self._due[0][0] <= now:
            when, _, name, status = heapq.heappop(self._due)
            job = self._jobs.get(name)
            if job is not None and not job.status.terminal:
                self._become(job, status, when)

    def listed(self, listing: Listing) -> tuple[list[ScriptedJob], int]:
        """Give the jobs of one page, and how many there are on all."""
        key = (listing.status, listing.sort, listing.order)
        if key not in self._sorted:
            jobs = self._jobs if listing.status is None else self._by_status[listing.status]
            self._sorted[key] = sorted(jobs.values(), key=_SORTS[listing.sort], reverse=listing.order == "desc")
        found, first = self._sorted[key], (listing.page - 1) * listing.per_page
        return found[first : first + listing.per_page], len(found)

    def _plan(self, when: float, job: ScriptedJob, status: JobStatus) -> None:
        heapq.heappush(self._due, (when, next(self._numbers), job.name, status))

    def _become(self, job: ScriptedJob, status: JobStatus, when: float) -> None:
        del self._by_status[job.status][job.name]
        self._changed(job.status)
        if status is JobStatus.RUNNING:
            job.started = when
            if job.script.runs_for is not None:
                self._plan(when + job.script.runs_for, job, JobStatus.SUCCEEDED)
        else:
            job.ended = when
        self._place(job, status)

    def _place(self, job: ScriptedJob, status: JobStatus) -> None:
        job.status = status
        self._jobs[job.name] = job
        self._by_status[status][job.name] = job
        self._changed(status)

    def _changed(self, status: JobStatus) -> None:
        for key in [key for key in self._sorted if key[0] in {status, None}]:
            del self._sorted[key]


_SORTS: dict[str, Callable[[ScriptedJob], Any]] = {
    "created_at": lambda job: (job.created, job.name),
    "started_at": lambda job: (job.started or 0.0, job.name),
    "completed_at": lambda job: (job.ended or 0.0, job.name),
    "name": lambda job: job.name,
}


def progress_text(step: int) -> str:
    """Write a progress text; `progress_step` reads it."""
    return f"Step {step}/{PROGRESS_STEPS}"


def progress_step(text: str | None) -> int | None:
    """Read the number in a progress text."""
    return int(text[5:].partition("/")[0]) if text and text.startswith("Step ") else None


def shown(job: ScriptedJob, namespace: str, now: float) -> wire.Job:
    """Give a job as the platform's answers have it; a list leaves out the fields after `completed_at`."""
    runtime = int((job.ended or now) - job.started) if job.started is not None else 0
    progressing = job.started is not None and job.script.progress_every
    return wire.Job.model_construct(
        id=job.id,
        name=job.name,
        status=job.status,
        namespace=namespace,
        gpu=job.request["gpu"],
        gpu_count=job.request.get("gpu_count", 1),
        region=job.request.get("region", "us-east-1"),
        progress=progress_text(job.step(now)) if progressing else None,
        cost_per_hour=_PRICE,
        runtime_seconds=runtime,
        created_at=_moment(job.created),
        started_at=_moment(job.started),
        completed_at=_moment(job.ended),
        command=job.request["command"],
        image=job.request.get("image"),
        cpu=job.request.get("cpu", 8),
        memory_gb=job.request.get("memory_gb", 32),
        disk_gb=job.request.get("disk_gb", 100),
        spot=job.request.get("spot", False),
        num_nodes=job.request.get("num_nodes", 1),
        timeout_minutes=job.request.get("timeout_minutes", 1440),
        max_retries=job.request.get("max_retries", 0),
        retry_count=0,
        exit_code=0 if job.status is JobStatus.SUCCEEDED else None,
        total_cost=_PRICE * runtime / 3600 if job.status.terminal else None,
    )


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
