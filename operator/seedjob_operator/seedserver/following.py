"""A running job: starts its supervisor, follows it until nobody has the job any more, and says how it ended."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from seedjob_operator.seedapi.wire import JobStatus
from seedjob_operator.seedserver import processes
from seedjob_operator.seedserver.ending import (
    NEVER_BEGAN,
    Ending,
    last_sign,
    may_begin,
    overdue,
    read_ending,
    seconds_of,
)
from seedjob_operator.seedserver.folders import Folders, drop_order
from seedjob_operator.seedserver.launch import Launcher, patience, start_supervisor
from seedjob_operator.seedserver.records import JobRecord
from seedjob_operator.seedserver.scheduler import Claim, claim_of
from seedjob_operator.seedserver.shortage import is_shortage
from seedjob_operator.seedserver.store import Store
from seedjob_operator.seedserver.supervisor import files

_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")
RETRY_SECONDS = 1.0  # soon for who waits, and no load while a disk is full
_STARTERS = 4  # a start waits for the disk more than it computes; more at once only contend for it
_LONGEST_SECONDS = 1e8  # some three years, as timers bear; a job may have written any number into its state


@dataclass(slots=True)
class Active:
    """A job that has not ended. `supervisor` is there from its start on."""

    claim: Claim
    vcpus: int
    patience: float
    """The seconds within which it must end when it is told to."""
    run_seconds: float = 0.0
    """The seconds that an earlier server gave its run."""
    overdue: bool = False
    supervisor: processes.Supervisor | None = None
    task: asyncio.Task[None] | None = None

    @staticmethod
    def of(record: JobRecord, *, patience: float) -> "Active":
        """Take up a job."""
        return Active(claim=claim_of(record), vcpus=record.cpu * record.num_nodes, patience=patience)

    def keep_times(self, state: Mapping[str, str]) -> None:
        """Leave it the times with which an earlier server started it, where they are longer than this one's."""
        grace, run = (seconds_of(state.get(name, "")) or 0.0 for name in ("grace_seconds", "timeout_seconds"))
        self.patience = max(self.patience, patience(min(grace, _LONGEST_SECONDS)))
        self.run_seconds = min(run, _LONGEST_SECONDS)

    def terminate(self) -> None:
        """Tell it to end."""
        self.claim = replace(self.claim, leaving=True)
        if self.supervisor is not None:
            self.supervisor.terminate()
            self.supervisor.end_within(self.patience)


async def insist(work: Callable[[], Awaitable[_T]], failure: str) -> _T:
    """Do what nobody else does until it succeeds: what fails now may not fail in a second. `failure` is logged."""
    while True:
        try:
            return await work()
        except Exception:  # noqa: BLE001  # whatever it is: a job must not be left without anybody who ends it
            _LOG.exception("%s; the next try is in a second", failure)
        await asyncio.sleep(RETRY_SECONDS)


class Following:
    """Follows running jobs to their ends. On the event loop, a task for each job."""

    def __init__(self, *, store: Store, folders: Folders, launcher: Launcher, clock: Callable[[], int]) -> None:
        self._store, self._folders, self._launcher, self._clock = store, folders, launcher, clock
        # Its own, so that no start waits for what else takes long, such as the artifacts of others.
        self.starters = ThreadPoolExecutor(_STARTERS, thread_name_prefix="start")

    async def take_up(self, record: JobRecord, active: Active) -> tuple[JobRecord, Ending]:
        """Follow on a job that an earlier server started; one that has not begun is started."""
        begins = await insist(
            lambda: self._find(record, active), f"job {record.namespace}/{record.name} could not be looked for"
        )
        if begins:
            return await self.launch(await self._billed_from_now(record), active)
        if active.claim.leaving:
            active.terminate()
        return await self.follow(record, active)

    async def _find(self, record: JobRecord, active: Active) -> bool:
        """Find who has a job; whether nobody has it, and it has not begun."""
        folder = self._folders.job(record.id)
        self._folders.take_back(record.id)
        active.supervisor = processes.find(folder)
        active.keep_times(files.read_record(str(folder / files.STATE)) or {})
        return active.supervisor is None and may_begin(folder)

    async def launch(self, record: JobRecord, active: Active) -> tuple[JobRecord, Ending]:
        """Start a job whose order is written, and follow it to its end."""
        folder = self._folders.job(record.id)
        try:
            active.supervisor = await self._started(record, folder)
        except OSError as error:
            with contextlib.suppress(OSError):
                if files.withdraw_order(str(folder)):  # what is recorded as never begun never begins
                    return record, Ending(status=JobStatus.FAILED, error=f"{NEVER_BEGAN}: {error.strerror}")
        if self._shall_end(record):
            active.terminate()
        return await self.follow(record, active)

    async def follow(self, record: JobRecord, active: Active) -> tuple[JobRecord, Ending]:
        """Return when nobody has a job any more, and none of its processes are left; say how it ended."""
        seen_alive = active.supervisor is not None
        return await insist(
            lambda: self._follow_once(record, active, seen_alive=seen_alive),
            f"job {record.namespace}/{record.name} could not be followed",
        )

    async def _started(self, record: JobRecord, folder: Path) -> processes.Supervisor | None:
        """Start a job, as soon as the machine has room for another process; None if it shall end before that."""
        loop = asyncio.get_running_loop()
        while not self._shall_end(record):
            try:
                return processes.watch(await loop.run_in_executor(self.starters, start_supervisor, folder))
            except OSError as error:
                if not is_shortage(error):
                    raise
                _LOG.warning("job %s/%s can't be started yet: %s", record.namespace, record.name, error.strerror)
            await asyncio.sleep(RETRY_SECONDS)
            record = await self._billed_from_now(record)
        return None

    def _shall_end(self, record: JobRecord) -> bool:
        current = self._store.get_by_id(record.id)
        return current is not None and (current.cancel_requested or current.preempt_requested)

    async def _billed_from_now(self, record: JobRecord) -> JobRecord:
        """Let the run of a job that has not begun count from now on: until now nothing of it is to be paid."""
        now = self._clock()
        started = now if record.started_at == record.resumed_at else record.started_at
        changes: dict[str, object] = {"started_at": started, "resumed_at": now}
        await insist(
            lambda: self._store.update(record.id, expected=JobStatus.RUNNING, **changes),
            f"the start of job {record.namespace}/{record.name} could not be recorded",
        )
        return self._store.get_by_id(record.id) or record

    async def _follow_once(self, record: JobRecord, active: Active, *, seen_alive: bool) -> tuple[JobRecord, Ending]:
        folder = self._folders.job(record.id)
        await self._until_nobody_has(record, folder, active)
        current = self._store.get_by_id(record.id) or record
        ending = await asyncio.to_thread(read_ending, current, folder)
        if active.overdue and ending.strays:
            ending = overdue(current, ending)
        if ending.strays and not seen_alive:  # it may have ended long before anybody looked
            sampled_at = self._store.last_sample_at(record.id)
            ended_at = await asyncio.to_thread(last_sign, current, folder, sampled_at=sampled_at)
            ending = replace(ending, ended_at=ended_at)
        if ending.strays:
            if self._launcher.engine is not None and current.image is not None:  # while their monitors live
                await asyncio.to_thread(self._launcher.engine.remove, current)
            await asyncio.to_thread(processes.kill_strays, folder, seen_alive=seen_alive)
        return current, ending

    async def _until_nobody_has(self, record: JobRecord, folder: Path, active: Active) -> None:
        """Return when no supervisor has the job, and none can begin it any more."""
        while True:
            if active.supervisor is not None:
                own = active.run_seconds + active.patience
                active.supervisor.end_within(max(self._launcher.overdue_after(record), own))
                await active.supervisor.ended()
                active.overdue |= active.supervisor.overdue
                active.supervisor.close()
                active.supervisor = None
            self._folders.take_back(record.id)
            # One that an earlier server started at its very end may have been first to take the job.
            active.supervisor = await processes.find_holder(folder)
            if active.supervisor is None:
                await self._withdraw(folder)
                return
            if active.claim.leaving:
                active.terminate()  # what was told to the other one, it doesn't know

    async def _withdraw(self, folder: Path) -> None:
        """Let nobody begin a job that no supervisor has."""
        if files.withdraw_order(str(folder)):
            return
        # What has the lock is something that the job has left.
        await asyncio.to_thread(processes.kill_strays, folder, seen_alive=False)
        if not files.withdraw_order(str(folder)):
            drop_order(folder)  # without one, nothing begins
