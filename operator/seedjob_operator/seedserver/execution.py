"""Jobs from the queue to their end: starts them when there is room, follows their processes, preempts and ends them."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from pathlib import Path

from seedjob_operator.seedapi.wire import JobStatus
from seedjob_operator.seedserver import processes
from seedjob_operator.seedserver.completion import Completion
from seedjob_operator.seedserver.ending import NEVER_BEGAN, Ending, has_begun, is_ordered, last_sign, read_ending
from seedjob_operator.seedserver.folders import Folders
from seedjob_operator.seedserver.inventory import Inventory
from seedjob_operator.seedserver.launch import Launcher, start_supervisor
from seedjob_operator.seedserver.observer import Followed, Observer
from seedjob_operator.seedserver.records import JobRecord
from seedjob_operator.seedserver.scheduler import Claim, claim_of, impossible, plan
from seedjob_operator.seedserver.shortage import is_crowded
from seedjob_operator.seedserver.store import Store
from seedjob_operator.seedserver.supervisor import files

_LOG = logging.getLogger(__name__)
_RETRY_SECONDS = 1.0
_SAMPLE_SECONDS = 1.0


@dataclass(slots=True)
class _Active:
    """A job that has not ended. `supervisor` is there from its start on."""

    claim: Claim
    vcpus: int
    supervisor: processes.Supervisor | None = None
    task: asyncio.Task[None] | None = None


def _report_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        _LOG.error(
            "a part of the server has failed; what it did goes on when the server is started again",
            exc_info=task.exception(),
        )


class Execution:
    """The jobs that have not ended. All on the event loop; each change is committed before anything follows from it."""

    def __init__(
        self, *, store: Store, folders: Folders, launcher: Launcher, inventory: Inventory, clock: Callable[[], int]
    ) -> None:
        self._store, self._folders, self._launcher = store, folders, launcher
        self._inventory, self._clock = inventory, clock
        self._completion = Completion(store=store, folders=folders)
        self._observer = Observer(folders)
        self._queued: dict[str, _Active] = {}
        self._running: dict[str, _Active] = {}
        self._wake = asyncio.Event()
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []

    # --- its own life ---

    def start(self) -> None:
        """Take up the jobs of an earlier server, then run."""
        active = self._store.active()
        if active:
            _LOG.info("taking up %d jobs of an earlier server", len(active))
        for record in active:
            if record.status is JobStatus.RUNNING:
                self._resume(record)
            else:
                self.enqueue(record)
        for record in active:
            self._end_if_impossible(record)
        self._tasks = [self._in_background(self._dispatch()), self._in_background(self._observe())]

    def _end_if_impossible(self, record: JobRecord) -> None:
        """End a queued job that fitted an earlier server's inventory and never fits this one: it would block its queue."""
        reason = impossible(claim_of(record), self._inventory) if record.id in self._queued else None
        if reason is not None:
            del self._queued[record.id]
            self._in_background(self._give_up(record, reason))

    async def _give_up(self, record: JobRecord, reason: str) -> None:
        ended = {"status": JobStatus.FAILED, "completed_at": self._clock(), "error": reason, "env": {}}
        await self._store.update(record.id, expected=JobStatus.QUEUED, **ended)

    def stop_starting(self) -> None:
        """Start no more jobs: the server ends."""
        self._stopping = True

    async def all_ended(self) -> None:
        """Return when no job runs any more."""
        await asyncio.gather(*(active.task for active in self._running.values() if active.task))

    async def close(self) -> None:
        """Stop following; jobs that run go on without us."""
        tasks = [*self._tasks, *(active.task for active in self._running.values() if active.task)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for active in self._running.values():
            if active.supervisor is not None:
                active.supervisor.close()

    # --- what the platform tells ---

    def enqueue(self, record: JobRecord) -> None:
        """Take a job into the queue, as the last one."""
        self._queued[record.id] = _Active(claim=claim_of(record), vcpus=record.cpu * record.num_nodes)
        self._wake.set()

    def forget(self, job_id: str) -> None:
        """Take a job out of the queue."""
        self._queued.pop(job_id, None)
        self._wake.set()

    def terminate(self, job_id: str) -> None:
        """Tell a running job to end."""
        active = self._running.get(job_id)
        if active is not None:
            active.claim = replace(active.claim, leaving=True)
            if active.supervisor is not None:
                active.supervisor.terminate()

    # --- from the queue to the end ---

    async def _dispatch(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._start_and_preempt()
            except Exception:  # noqa: BLE001  # a write that fails now may not fail in a second
                _LOG.exception("the queue could not be worked on; the next try is in a second")
                await asyncio.sleep(_RETRY_SECONDS)
                self._wake.set()

    async def _start_and_preempt(self) -> None:
        running = [active.claim for active in self._running.values()]
        queued = [active.claim for active in self._queued.values()]
        planned = plan(running=running, queued=queued, inventory=self._inventory, now=self._clock())
        for job_id in planned.preempt:
            await self.preempt(job_id)
        for job_id in planned.start:
            if not self._stopping:
                await self._begin(job_id)

    async def preempt(self, job_id: str) -> bool:
        """Take its room from a running spot job, which is then queued again; False if it isn't one."""
        record = self._store.get_by_id(job_id)
        if record is None or not record.spot:
            return False
        if not await self._store.update(job_id, expected=JobStatus.RUNNING, preempt_requested=True):
            return False
        _LOG.info("job %s/%s is preempted", record.namespace, record.name)
        self.terminate(job_id)
        return True

    async def _begin(self, job_id: str) -> None:
        found = self._store.get_by_id(job_id)
        if found is not None and found.started_at is not None:
            await asyncio.to_thread(self._folders.make_fresh, job_id)  # before it counts as running: see `_resume`
        now = self._clock()
        started = found.started_at if found is not None and found.started_at is not None else now
        changes: dict[str, object] = {"status": JobStatus.RUNNING, "started_at": started, "resumed_at": now}
        begun = await self._store.update(job_id, expected=JobStatus.QUEUED, **changes)
        active, record = self._queued.pop(job_id, None), self._store.get_by_id(job_id)
        if begun and active is not None and record is not None:  # else it was cancelled meanwhile
            self._running[job_id] = active
            _LOG.info("job %s/%s started", record.namespace, record.name)
            active.task = self._in_background(self._launch(record, active))

    def _in_background(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        task.add_done_callback(_report_failure)
        return task

    def _resume(self, record: JobRecord) -> None:
        """Follow on a job that an earlier server started; one that never began is started."""
        active = _Active(claim=claim_of(record), vcpus=record.cpu * record.num_nodes)
        self._running[record.id] = active
        folder = self._folders.job(record.id)
        active.supervisor = processes.find(folder)
        if active.supervisor is None and not has_begun(folder):
            active.task = self._in_background(self._launch_late(record, active))
            return
        if active.claim.leaving:
            self.terminate(record.id)
        active.task = self._in_background(self._follow(record, active))

    async def _launch_late(self, record: JobRecord, active: _Active) -> None:
        """Start a job that was recorded as running and never began; until now nothing of it is to be paid."""
        now = self._clock()
        started = now if record.started_at == record.resumed_at else record.started_at
        await self._store.update(record.id, expected=JobStatus.RUNNING, started_at=started, resumed_at=now)
        await self._launch(self._store.get_by_id(record.id) or record, active)

    async def _launch(self, record: JobRecord, active: _Active) -> None:
        folder = self._folders.job(record.id)
        try:
            active.supervisor = await self._started(record, folder)
        except OSError as error:
            with contextlib.suppress(OSError):
                files.withdraw_order(str(folder))  # what is recorded as never begun never begins
            ending = Ending(status=JobStatus.FAILED, error=f"{NEVER_BEGAN}: {error.strerror}")
            await self._settle(record, ending)
            return
        current = self._store.get_by_id(record.id)
        leaving = current is not None and (current.cancel_requested or current.preempt_requested)
        if leaving and active.supervisor is not None:
            active.supervisor.terminate()
        await self._follow(record, active)

    async def _started(self, record: JobRecord, folder: Path) -> processes.Supervisor | None:
        """Start a job, as soon as the machine has room for another process; None if it shall end before that."""
        while True:
            try:
                return await asyncio.to_thread(self._start, record, folder)
            except OSError as error:
                if not is_crowded(error):
                    raise
                _LOG.warning("job %s/%s can't be started yet: %s", record.namespace, record.name, error.strerror)
            await asyncio.sleep(_RETRY_SECONDS)
            current = self._store.get_by_id(record.id)
            if current is not None and (current.cancel_requested or current.preempt_requested):
                return None

    def _start(self, record: JobRecord, folder: Path) -> processes.Supervisor:
        if not is_ordered(folder):
            self._launcher.write_order(record, folder)
            self._folders.artifacts_of(record.namespace).mkdir(mode=0o700, exist_ok=True)  # while there is room
        return processes.Supervisor(start_supervisor(folder))

    async def _follow(self, record: JobRecord, active: _Active) -> None:
        seen_alive = active.supervisor is not None
        while True:
            try:
                await self._follow_once(record, active, seen_alive=seen_alive)
            except Exception:  # noqa: BLE001  # what fails now may not fail in a second, and nobody else follows it
                _LOG.exception(
                    "job %s/%s could not be followed; the next try is in a second", record.namespace, record.name
                )
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return

    async def _follow_once(self, record: JobRecord, active: _Active, *, seen_alive: bool) -> None:
        folder = self._folders.job(record.id)
        await self._until_nobody_has(folder, active)
        current = self._store.get_by_id(record.id) or record
        ending = await asyncio.to_thread(read_ending, current, folder)
        if ending.strays and not seen_alive:  # it may have ended long before anybody looked
            sampled_at = self._store.last_sample_at(record.id)
            ended_at = await asyncio.to_thread(last_sign, current, folder, sampled_at=sampled_at)
            ending = replace(ending, ended_at=ended_at)
        if ending.strays:
            if self._launcher.engine is not None and current.image is not None:  # while their monitors live
                await asyncio.to_thread(self._launcher.engine.remove, current)
            await asyncio.to_thread(processes.kill_strays, folder, seen_alive=seen_alive)
        await self._settle(current, ending)

    async def _until_nobody_has(self, folder: Path, active: _Active) -> None:
        """Return when no supervisor has the job, and none can begin it any more."""
        while True:
            if active.supervisor is not None:
                await active.supervisor.ended()
                active.supervisor.close()
                active.supervisor = None
            # One that an earlier server started at its very end may have been first to take the job.
            active.supervisor = await processes.find_holder(folder)
            if active.supervisor is None and files.withdraw_order(str(folder)):
                return
            if active.claim.leaving and active.supervisor is not None:
                active.supervisor.terminate()  # what was told to the other one, it doesn't know

    async def _settle(self, record: JobRecord, ending: Ending) -> None:
        """Record what became of a job, and give its room to others. A write that fails is tried until it doesn't."""
        while True:
            try:
                await self._settle_once(record, ending)
            except Exception:  # noqa: BLE001  # the processes have ended: somebody has to record it
                _LOG.exception(
                    "the end of job %s/%s could not be recorded; again in a second", record.namespace, record.name
                )
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return

    async def _settle_once(self, record: JobRecord, ending: Ending) -> None:
        again = None
        if ending.status is JobStatus.QUEUED:
            again = await self._completion.requeue(record, ending, now=self._clock())
        else:
            await self._completion.finish(record, ending, now=self._clock())
        self._running.pop(record.id, None)
        if again is not None and again.cancel_requested:  # asked for while it was put back
            ended = {"status": JobStatus.CANCELLED, "completed_at": self._clock(), "env": {}}
            await self._store.update(again.id, expected=JobStatus.QUEUED, **ended)
        elif again is not None:
            self.enqueue(again)
        self._wake.set()
        _LOG.info("job %s/%s is %s", record.namespace, record.name, ending.status.value)

    async def _observe(self) -> None:
        """Once a second: record what the running jobs use, and forget what the ended ones were given."""
        while True:
            await asyncio.sleep(_SAMPLE_SECONDS)
            followed = {
                job_id: Followed(root=active.supervisor.pid, vcpus=active.vcpus)
                for job_id, active in self._running.items()
                if active.supervisor is not None
            }
            try:
                seen = await asyncio.to_thread(self._observer.look, followed)
                await self._store.add_samples(seen.samples, seen.progress)
                await self._store.forget()
            except Exception:  # noqa: BLE001  # figures may be missing, but must never stop
                _LOG.exception("the running jobs could not be observed; the next try is in a second")
