"""The platform's jobs as their users see them: accepts, finds, cancels, preempts and removes them.

All changes of a job go through here or `execution`, on the event loop; each is committed to the store before anything
follows from it.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable

from seedjob_operator.seedapi.wire import CreateJob, JobStatus
from seedjob_operator.seedserver import artifacts
from seedjob_operator.seedserver.admission import new_record
from seedjob_operator.seedserver.execution import Execution
from seedjob_operator.seedserver.folders import Folders
from seedjob_operator.seedserver.inventory import Inventory
from seedjob_operator.seedserver.launch import Launcher
from seedjob_operator.seedserver.links import Links
from seedjob_operator.seedserver.records import JobRecord
from seedjob_operator.seedserver.scheduler import claim_of, impossible
from seedjob_operator.seedserver.store import Store
from seedjob_operator.seedserver.supervisor import files


class NoSuchJobError(Exception):
    """The namespace has no job of that name."""


class WrongStateError(Exception):
    """The job's state doesn't allow it. The message names the state and what is possible."""


class ImpossibleError(Exception):
    """No machine could run it. The message says what is too much."""


class Platform:
    """The jobs of one data folder. To be started and closed on the event loop that uses it."""

    def __init__(
        self,
        *,
        store: Store,
        folders: Folders,
        launcher: Launcher,
        inventory: Inventory,
        clock: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self.store, self.folders, self.inventory = store, folders, inventory
        self.closing = asyncio.Event()
        """Set when log streams shall end, because the server does."""
        self.hurry = asyncio.Event()
        """Set when nothing shall be waited for any more; jobs that were told to end do so by themselves."""
        self.links = Links(folders.link_key)
        self._clock = clock
        self._execution = Execution(
            store=store, folders=folders, launcher=launcher, inventory=inventory, clock=lambda: self.now
        )

    @property
    def now(self) -> int:
        """The platform's time in microseconds since 1970."""
        return self._clock()

    # --- its own life ---

    async def start(self) -> None:
        """Take up the jobs of an earlier server, then run."""
        running = {record.id for record in self.store.active() if record.status is JobStatus.RUNNING}
        await asyncio.to_thread(self.folders.tidy, known=self.store.ids(), running=running)
        self._execution.start()

    def stop_taking(self) -> None:
        """Start no more jobs and end the log streams, because the server ends."""
        self.closing.set()
        self._execution.stop_starting()

    async def close(self, *, end_jobs: bool) -> None:
        """Stop following. Running jobs go on without us, or are cancelled and waited for."""
        self.stop_taking()
        if end_jobs:
            await self._end_all()
        await self._execution.close()
        await self.store.close()

    async def _end_all(self) -> None:
        for record in self.store.active():
            with contextlib.suppress(WrongStateError, NoSuchJobError):
                await self.cancel(record.namespace, record.name)
        ended = asyncio.create_task(self._execution.all_ended())
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
        reason = impossible(claim_of(record), self.inventory)
        if reason is not None:
            raise ImpossibleError(reason)
        await self.store.add(record)
        self._execution.enqueue(record)
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
            self._execution.forget(record.id)
        elif await self.store.update(record.id, expected=running, cancel_requested=True):
            self._execution.terminate(record.id)
        else:
            status = self.find(namespace, name).status
            raise WrongStateError(f"job {name} is {status.value}: only queued and running jobs can be cancelled")
        return self.find(namespace, name)

    async def preempt(self, namespace: str, name: str) -> JobRecord:
        """Preempt a running spot job, as one that needs its room would.

        Raises:
            NoSuchJobError: there is no such job.
            WrongStateError: it isn't spot, or doesn't run.
        """
        record = self.find(namespace, name)
        if not await self._execution.preempt(record.id):
            kind = "spot" if record.spot else "not spot"
            raise WrongStateError(
                f"job {name} is {record.status.value} and {kind}: only running spot jobs are preempted"
            )
        return self.find(namespace, name)

    async def delete(self, namespace: str, name: str, *, delete_artifacts: bool) -> None:
        """Remove an ended job's record and log, and its artifacts too if that is wanted.

        Raises:
            NoSuchJobError: there is no such job.
            WrongStateError: it has not ended.
        """
        record = self.find(namespace, name)
        if delete_artifacts and record.status.terminal:
            # Before the record: a server that is killed in between can be asked again.
            await asyncio.to_thread(artifacts.remove, record, store=self.folders.artifacts)
        if not await self.store.remove(record.id):
            status = self.find(namespace, name).status
            raise WrongStateError(f"job {name} is {status.value}: cancel it, and delete it when it has ended")
        await asyncio.to_thread(self.folders.remove_job, record.id)

    def retries_of(self, record: JobRecord) -> int:
        """Give how often a job was tried again so far; of a running one its supervisor knows."""
        if record.status is not JobStatus.RUNNING or not record.max_retries:
            return record.retry_count
        state = files.read_record(str(self.folders.job(record.id) / files.STATE)) or {}
        return record.retry_count + files.number_in(state, "retries", most=record.max_retries)

    def find(self, namespace: str, name: str) -> JobRecord:
        """Give a job.

        Raises:
            NoSuchJobError: there is no such job.
        """
        record = self.store.get(namespace, name)
        if record is None:
            raise NoSuchJobError(f"no job {name} in namespace {namespace}")
        return record
