"""The platform's jobs: accepts, queues, starts, follows, cancels and removes them.

All changes of a job go through here, on the event loop; each is committed to the store before anything follows from it.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path

from seedjob_operator.seedapi.wire import CreateJob, JobStatus
from seedjob_operator.seedserver import artifacts, processes
from seedjob_operator.seedserver.admission import new_record
from seedjob_operator.seedserver.ending import NEVER_BEGAN, Ending, has_begun, read_ending
from seedjob_operator.seedserver.folders import Folders
from seedjob_operator.seedserver.launch import Launcher, start_supervisor
from seedjob_operator.seedserver.observer import Followed, Observer, progress_at_end
from seedjob_operator.seedserver.records import JobRecord
from seedjob_operator.seedserver.sampling import whole_run
from seedjob_operator.seedserver.scheduler import Capacity, Claim, claim_of, impossible, startable
from seedjob_operator.seedserver.store import Store
from seedjob_operator.seedserver.supervisor import files
from seedjob_operator.seedserver.supervisor.joblog import JobLog

_LOG = logging.getLogger(__name__)
_SAMPLE_SECONDS = 1.0
_KB_PER_GB = 1024 * 1024


class NoSuchJobError(Exception):
    """The namespace has no job of that name."""


class WrongStateError(Exception):
    """The job's state doesn't allow it. The message names the state and what is possible."""


class ImpossibleError(Exception):
    """No machine could run it. The message says what is too much."""


@dataclass(slots=True)
class _Active:
    """A job that has not ended. `supervisor` is there from its start on."""

    claim: Claim
    running: bool = False
    supervisor: processes.Supervisor | None = None
    vcpus: int = 1
    task: asyncio.Task[None] | None = None


def _report_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        _LOG.error("a job can't be followed until the server is started again", exc_info=task.exception())


class Platform:
    """The jobs of one data folder. To be started and closed on the event loop that uses it."""

    def __init__(
        self,
        *,
        store: Store,
        folders: Folders,
        launcher: Launcher,
        capacity: Capacity,
        clock: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self.store, self.folders = store, folders
        self.closing = asyncio.Event()
        """Set when log streams shall end, because the server does."""
        self.hurry = asyncio.Event()
        """Set when nothing shall be waited for any more; jobs that were told to end do so by themselves."""
        self._launcher, self._capacity, self._clock = launcher, capacity, clock
        self._active: dict[str, _Active] = {}
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._observer = Observer(folders)

    @property
    def now(self) -> int:
        """The platform's time in microseconds since 1970."""
        return self._clock()

    # --- its own life ---

    async def start(self) -> None:
        """Take up the jobs of an earlier server, then run."""
        await asyncio.to_thread(self.folders.remove_jobs_but, self.store.ids())
        for record in self.store.active():
            active = self._track(record)
            if record.status is JobStatus.RUNNING:
                self._resume(record, active)
        self._wake.set()
        self._tasks = [asyncio.create_task(self._dispatch()), asyncio.create_task(self._observe())]

    async def close(self, *, end_jobs: bool) -> None:
        """Stop following. Running jobs go on without us, or are cancelled and waited for."""
        self.closing.set()
        if end_jobs:
            await self._end_all()
        tasks = [*self._tasks, *(active.task for active in self._active.values() if active.task)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for active in self._active.values():
            if active.supervisor is not None:
                active.supervisor.close()
        await self.store.close()

    async def _end_all(self) -> None:
        for record in self.store.active():
            with contextlib.suppress(WrongStateError, NoSuchJobError):
                await self.cancel(record.namespace, record.name)
        ended = asyncio.gather(*(active.task for active in self._active.values() if active.task))
        hurried = asyncio.create_task(self.hurry.wait())
        await asyncio.wait((ended, hurried), return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()

    # --- what users do ---

    async def create(self, namespace: str, request: CreateJob) -> JobRecord:
        """Accept a job and put it into the queue.

        Raises:
            ImpossibleError: it could never run.
            NameTakenError: the namespace has a job of that name.
        """
        record = new_record(namespace, request, now=self.now)
        reason = impossible(claim_of(record), self._capacity)
        if reason is not None:
            raise ImpossibleError(reason)
        await self.store.add(record)
        self._track(record)
        self._wake.set()
        return record

    async def cancel(self, namespace: str, name: str) -> JobRecord:
        """Cancel a job: a queued one has ended then, a running one is asked to end.

        Raises:
            NoSuchJobError: there is no such job.
            WrongStateError: it has ended already.
        """
        record = self.find(namespace, name)
        queued, running = JobStatus.QUEUED, JobStatus.RUNNING
        ended = {"status": JobStatus.CANCELLED, "completed_at": self.now, "env": {}}
        if await self.store.update(record.id, expected=queued, cancel_requested=True, **ended):
            self._active.pop(record.id, None)
            self._wake.set()
        elif await self.store.update(record.id, expected=running, cancel_requested=True):
            self._terminate(record.id)
        else:
            status = self.find(namespace, name).status
            raise WrongStateError(f"job {name} is {status.value}: only queued and running jobs can be cancelled")
        return self.find(namespace, name)

    async def delete(self, namespace: str, name: str, *, delete_artifacts: bool) -> None:
        """Remove an ended job's record and log, and its artifacts too if that is wanted.

        Raises:
            NoSuchJobError: there is no such job.
            WrongStateError: it has not ended.
        """
        record = self.find(namespace, name)
        if not await self.store.remove(record.id):
            status = self.find(namespace, name).status
            raise WrongStateError(f"job {name} is {status.value}: cancel it, and delete it when it has ended")
        await asyncio.to_thread(self.folders.remove_job, record.id)
        if delete_artifacts and record.artifacts is not None:
            await asyncio.to_thread(artifacts.remove, record.artifacts)

    def retries_of(self, record: JobRecord) -> int:
        """Give how often a job was tried again so far; of a running one its supervisor knows."""
        if record.status is not JobStatus.RUNNING or not record.max_retries:
            return record.retry_count
        state = files.read_record(str(self.folders.job(record.id) / files.STATE)) or {}
        return int(state.get("retries", record.retry_count))

    def find(self, namespace: str, name: str) -> JobRecord:
        """Give a job.

        Raises:
            NoSuchJobError: there is no such job.
        """
        record = self.store.get(namespace, name)
        if record is None:
            raise NoSuchJobError(f"no job {name} in namespace {namespace}")
        return record

    # --- from the queue to the end ---

    def _track(self, record: JobRecord) -> _Active:
        active = _Active(claim=claim_of(record), vcpus=record.cpu * record.num_nodes)
        self._active[record.id] = active
        return active

    async def _dispatch(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            running = [active.claim for active in self._active.values() if active.running]
            queued = [active.claim for active in self._active.values() if not active.running]
            for job_id in startable(running=running, queued=queued, capacity=self._capacity):
                await self._begin(job_id)

    async def _begin(self, job_id: str) -> None:
        now = self.now
        if not await self.store.update(job_id, expected=JobStatus.QUEUED, status=JobStatus.RUNNING, started_at=now):
            self._active.pop(job_id, None)  # cancelled before its create was even answered
            return
        active, record = self._active[job_id], self.store.get_by_id(job_id)
        if record is not None:
            active.running = True
            _LOG.info("job %s/%s started", record.namespace, record.name)
            active.task = self._in_background(self._launch(record, active))

    def _in_background(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        task.add_done_callback(_report_failure)
        return task

    def _resume(self, record: JobRecord, active: _Active) -> None:
        """Follow on a job that an earlier server started; one that never began is started."""
        active.running = True
        folder = self.folders.job(record.id)
        active.supervisor = processes.find(folder)
        if active.supervisor is None and not has_begun(folder):
            active.task = self._in_background(self._launch(record, active))
            return
        if record.cancel_requested:
            self._terminate(record.id)
        active.task = self._in_background(self._follow(record, active))

    async def _launch(self, record: JobRecord, active: _Active) -> None:
        folder = self.folders.job(record.id)
        try:
            active.supervisor = await asyncio.to_thread(self._start, record, folder)
        except OSError as error:
            await self._finish(record, Ending(status=JobStatus.FAILED, error=f"{NEVER_BEGAN}: {error.strerror}"))
            return
        current = self.store.get_by_id(record.id)
        if current is not None and current.cancel_requested:
            active.supervisor.terminate()
        await self._follow(record, active)

    def _start(self, record: JobRecord, folder: Path) -> processes.Supervisor:
        self._launcher.write_order(record, folder)
        return processes.Supervisor(start_supervisor(folder))

    async def _follow(self, record: JobRecord, active: _Active) -> None:
        seen_alive = active.supervisor is not None
        folder = self.folders.job(record.id)
        while active.supervisor is not None:
            await active.supervisor.ended()
            active.supervisor.close()
            # One that an earlier server started at its very end may have been first to take the job.
            active.supervisor = processes.find(folder)
        current = self.store.get_by_id(record.id) or record
        ending = await asyncio.to_thread(read_ending, current, folder)
        if ending.strays:
            await asyncio.to_thread(processes.kill_strays, folder, seen_alive=seen_alive)
        await self._finish(current, ending)

    def _terminate(self, job_id: str) -> None:
        active = self._active.get(job_id)
        if active is not None and active.supervisor is not None:
            active.supervisor.terminate()

    async def _finish(self, record: JobRecord, ending: Ending) -> None:
        """Record a job's end. Whoever reads the new status finds the artifacts and the whole log there."""
        ended_at = ending.ended_at or self.now
        await self._record_usage(record, ending, ended_at)
        kept, progress = await asyncio.to_thread(self._tidy_up, record, ending)
        await self.store.update(
            record.id,
            expected=JobStatus.RUNNING,
            status=ending.status,
            completed_at=ended_at,
            error=ending.error,
            exit_code=ending.exit_code,
            retry_count=ending.retry_count,
            artifacts=kept.stored,
            env={},
            **({} if progress is None else {"progress": progress}),
        )
        self._active.pop(record.id, None)
        self._wake.set()
        _LOG.info("job %s/%s is %s", record.namespace, record.name, ending.status.value)

    def _tidy_up(self, record: JobRecord, ending: Ending) -> tuple[artifacts.Kept, str | None]:
        """Keep the artifacts, complete the log, and discard the rest of the job's disk."""
        folder, work, log_path = self.folders.job(record.id), self.folders.work(record.id), self.folders.log(record.id)
        kept = artifacts.keep(record, work=work, store=self.folders.artifacts)
        if not folder.is_dir():
            return kept, None
        progress = progress_at_end(log_path)
        log = JobLog(str(log_path))
        for note in (kept.note, f"seed: {ending.error}" if ending.strays else None):
            if note is not None:
                log.note(note)
        log.close()
        artifacts.discard(work)
        (folder / files.ORDER).unlink(missing_ok=True)
        return kept, progress

    async def _record_usage(self, record: JobRecord, ending: Ending, ended_at: int) -> None:
        if ending.cpu_seconds is None or record.started_at is None:
            return
        vcpus, run = record.cpu * record.num_nodes, ended_at - record.started_at
        average = whole_run(cpu_seconds=ending.cpu_seconds, run_microseconds=run, vcpus=vcpus)
        peak = None if ending.peak_memory_kb is None else round(ending.peak_memory_kb / _KB_PER_GB, 4)
        await self.store.set_usage(record.id, cpu_average=average, memory_gb=peak)

    async def _observe(self) -> None:
        while True:
            await asyncio.sleep(_SAMPLE_SECONDS)
            followed = {
                job_id: Followed(root=active.supervisor.pid, vcpus=active.vcpus)
                for job_id, active in self._active.items()
                if active.supervisor is not None
            }
            try:
                seen = await asyncio.to_thread(self._observer.look, followed)
                await self.store.add_samples(seen.samples, seen.progress)
            except Exception:  # noqa: BLE001  # figures may be missing, but must never stop
                _LOG.exception("the running jobs could not be observed; the next try is in a second")
