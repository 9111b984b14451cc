"""Jobs from the queue to their end: starts them when there is room, preempts them, and records how they ended."""

import asyncio
import logging
from collections.abc import Callable, Coroutine

from seedjob_operator.seedapi.wire import JobStatus
from seedjob_operator.seedserver.completion import Completion
from seedjob_operator.seedserver.ending import NEVER_BEGAN, Ending
from seedjob_operator.seedserver.folders import Folders, drop_order
from seedjob_operator.seedserver.following import RETRY_SECONDS, Active, Following, insist
from seedjob_operator.seedserver.inventory import Inventory
from seedjob_operator.seedserver.launch import Launcher
from seedjob_operator.seedserver.observer import Followed, Observer
from seedjob_operator.seedserver.records import JobRecord
from seedjob_operator.seedserver.scheduler import claim_of, impossible, plan
from seedjob_operator.seedserver.shortage import is_shortage
from seedjob_operator.seedserver.store import Store

_LOG = logging.getLogger(__name__)
_SAMPLE_SECONDS = 1.0  # often enough to watch a job by, and rare enough to look at every process of the machine


def _report_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        _LOG.error(
            "a part of the server has failed; what it did goes on when the server is started again",
            exc_info=task.exception(),
        )


class Execution:
    """The jobs that have not ended. All on the event loop; each change is committed before anything follows from it.

    The status `running` is the durable mark of a start: whatever moment a server is killed at, what the next one finds
    says whether the job has begun. It holds because an order is written only while a job is `queued`, a supervisor
    started only when it is `running`, and an order removed only by a supervisor that has taken the job.

    =======================================  =======  ==========  ====================================================
    killed                                   status   order       so the next server
    =======================================  =======  ==========  ====================================================
    before or in the writing of the order    queued   none, part  writes it anew: nobody could have begun it
    between the order and the record         queued   there       as above
    between the record and the supervisor    running  there       starts it: nothing has begun
    while a supervisor begins                running  there       starts another: by the lock one of them has the job
    when the job has begun                   running  gone        follows it, never starts it, however little of the
                                                                  job's folder the job itself has left
    =======================================  =======  ==========  ====================================================
    """

    def __init__(
        self, *, store: Store, folders: Folders, launcher: Launcher, inventory: Inventory, clock: Callable[[], int]
    ) -> None:
        self._store, self._folders, self._launcher = store, folders, launcher
        self._inventory, self._clock = inventory, clock
        self._following = Following(store=store, folders=folders, launcher=launcher, clock=clock)
        self._completion = Completion(store=store, folders=folders)
        self._observer = Observer(folders)
        self._queued: dict[str, Active] = {}
        self._running: dict[str, Active] = {}
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
        parts = (self._dispatch(), self._observe(), self._forget())
        self._tasks = [self._in_background(part) for part in parts]

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
        self._following.starters.shutdown(wait=False)

    # --- what the platform tells ---

    def enqueue(self, record: JobRecord) -> None:
        """Take a job into the queue, as the last one."""
        self._queued[record.id] = Active.of(record, patience=self._launcher.patience)
        self._wake.set()

    def forget(self, job_id: str) -> None:
        """Take a job out of the queue."""
        self._queued.pop(job_id, None)
        self._wake.set()

    def terminate(self, job_id: str) -> None:
        """Tell a running job to end."""
        active = self._running.get(job_id)
        if active is not None:
            active.terminate()

    # --- from the queue to the end ---

    async def _dispatch(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._start_and_preempt()
            except Exception:  # noqa: BLE001  # a write that fails now may not fail in a second
                _LOG.exception("the queue could not be worked on; the next try is in a second")
                await asyncio.sleep(RETRY_SECONDS)
                self._wake.set()

    async def _start_and_preempt(self) -> None:
        running = [active.claim for active in self._running.values()]
        queued = [active.claim for active in self._queued.values()]
        planned = plan(running=running, queued=queued, inventory=self._inventory, now=self._clock())
        for job_id in planned.preempt:
            await self.preempt(job_id)
        for job_id in planned.start:
            record = self._store.get_by_id(job_id)
            if self._stopping or (record is not None and not await self._begin(record)):
                return

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

    async def _begin(self, record: JobRecord) -> bool:
        """Start a queued job; False if the machine lacks room, where it stays in its place: nothing of it has begun."""
        try:
            await asyncio.get_running_loop().run_in_executor(self._following.starters, self._prepare, record)
        except OSError as error:
            if self._store.get_by_id(record.id) is None:  # it was cancelled and deleted meanwhile
                await asyncio.to_thread(self._folders.remove_job, record.id)
                return True
            if is_shortage(error):
                _LOG.warning("job %s/%s can't be started yet: %s", record.namespace, record.name, error.strerror)
                asyncio.get_running_loop().call_later(RETRY_SECONDS, self._wake.set)
                return False
            await self._give_up(record, f"{NEVER_BEGAN}: {error.strerror}")
            self.forget(record.id)
            return True
        await self._begin_prepared(record)
        return True

    async def _begin_prepared(self, record: JobRecord) -> None:
        now = self._clock()
        changes: dict[str, object] = {"started_at": record.started_at or now, "resumed_at": now}
        begun = await self._store.update(record.id, expected=JobStatus.QUEUED, status=JobStatus.RUNNING, **changes)
        active, current = self._queued.pop(record.id, None), self._store.get_by_id(record.id)
        if current is None:  # it was cancelled and deleted meanwhile
            await asyncio.to_thread(self._folders.remove_job, record.id)
            return
        if not begun or active is None:  # it was cancelled meanwhile
            await asyncio.to_thread(drop_order, self._folders.job(record.id))
            return
        self._running[record.id] = active
        _LOG.info("job %s/%s started", record.namespace, record.name)
        active.task = self._in_background(self._settled(self._following.launch(current, active)))

    def _prepare(self, record: JobRecord) -> None:
        """Make a job's folder as if it had never run, and write what is to run there."""
        self._folders.make_fresh(record.id)
        self._folders.artifacts_of(record.namespace).mkdir(mode=0o700, exist_ok=True)  # while there is room
        self._launcher.write_order(record, self._folders.job(record.id))

    def _in_background(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        task.add_done_callback(_report_failure)
        return task

    def _resume(self, record: JobRecord) -> None:
        """Take up a job that an earlier server started, in a task of its own: what is in its folder costs only itself."""
        active = Active.of(record, patience=self._launcher.patience)
        self._running[record.id] = active
        active.task = self._in_background(self._settled(self._following.take_up(record, active)))

    async def _settled(self, run: Coroutine[None, None, tuple[JobRecord, Ending]]) -> None:
        """Wait for a job's end, record what became of it, and give its room to others."""
        record, ending = await run
        await insist(
            lambda: self._settle_once(record, ending),
            f"the end of job {record.namespace}/{record.name} could not be recorded",
        )

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
        """Once a second: record what the running jobs use."""
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
            except Exception:  # noqa: BLE001  # figures may be missing, but must never stop
                _LOG.exception("the running jobs could not be observed; the next try is in a second")

    async def _forget(self) -> None:
        """Once a second: forget what the ended jobs were given, whatever the running ones do to their observer."""
        while True:
            await asyncio.sleep(_SAMPLE_SECONDS)
            try:
                await self._store.forget()
            except Exception:  # noqa: BLE001  # as above
                _LOG.exception("what ended jobs were given could not be forgotten; the next try is in a second")
