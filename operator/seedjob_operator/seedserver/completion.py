"""Records what became of a job: its end with figures, artifacts and the whole log, or its way back into the queue."""

import asyncio
import contextlib
import logging

from seedjob_operator.seedapi.wire import JobStatus
from seedjob_operator.seedserver import artifacts
from seedjob_operator.seedserver.ending import PREEMPTED, Ending
from seedjob_operator.seedserver.folders import Folders, discard, drop_order
from seedjob_operator.seedserver.observer import progress_at_end
from seedjob_operator.seedserver.records import JobRecord
from seedjob_operator.seedserver.sampling import whole_run
from seedjob_operator.seedserver.shortage import is_shortage
from seedjob_operator.seedserver.store import Store
from seedjob_operator.seedserver.supervisor.joblog import JobLog

_LOG = logging.getLogger(__name__)
_KB_PER_GB = 1024 * 1024


class Completion:
    """Completes jobs whose processes have all ended. Doing it again, after a crash in between, gives the same."""

    def __init__(self, *, store: Store, folders: Folders) -> None:
        self._store, self._folders = store, folders

    async def finish(self, record: JobRecord, ending: Ending, *, now: int) -> None:
        """Record a job's end. Whoever reads the new status finds the artifacts and the whole log there."""
        ended_at = ending.ended_at or now
        kept, progress = await asyncio.to_thread(
            self._tidy_up, record, ending
        )  # first: the job may have filled the disk
        await self._record_usage(record, ending, ended_at)
        await self._store.update(
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

    async def requeue(self, record: JobRecord, ending: Ending, *, now: int) -> JobRecord | None:
        """Put a preempted job back into the queue, behind those that wait; None if it was cancelled meanwhile."""
        stopped_at = ending.ended_at or now
        await asyncio.to_thread(self._note_preemption, record, ending)
        await self._store.update(
            record.id,
            expected=JobStatus.RUNNING,
            status=JobStatus.QUEUED,
            queued_at=max(stopped_at, record.queued_at),
            resumed_at=None,
            ran_before=record.run_microseconds(now=stopped_at),
            retry_count=ending.retry_count,
            preempt_requested=False,
        )
        return self._store.get_by_id(record.id)

    def _note_preemption(self, record: JobRecord, ending: Ending) -> None:
        note = f"seed: {PREEMPTED}; it is queued again, retry {ending.retry_count} of {record.max_retries}"
        self._complete_log(record, note)

    def _tidy_up(self, record: JobRecord, ending: Ending) -> tuple[artifacts.Kept, str | None]:
        """Keep the artifacts, discard the rest of the job's disk, and complete the log, now that there is room."""
        folder, work, store = self._folders.job(record.id), self._folders.work(record.id), self._folders.artifacts
        not_taken = artifacts.take(record, work=work, store=store)
        discard(work)
        kept = artifacts.listed(record, store=store)
        drop_order(folder)
        if not folder.is_dir():
            return kept, None
        lost = f"seed: {ending.error}" if ending.strays and ending.error else None
        return kept, self._complete_log(record, not_taken, kept.note, lost)

    def _complete_log(self, record: JobRecord, *notes: str | None) -> str | None:
        """Give the last progress that a job's log tells, and complete it; what the job has put there costs it just that."""
        path = self._folders.log(record.id)
        try:
            progress = progress_at_end(path)
            with contextlib.closing(JobLog(str(path))) as log:
                for note in notes:
                    if note is not None:
                        log.note(note)
        except (OSError, ValueError) as error:
            if isinstance(error, OSError) and is_shortage(error):
                raise
            _LOG.exception("the log of job %s/%s could not be completed", record.namespace, record.name)
            return None
        return progress

    async def _record_usage(self, record: JobRecord, ending: Ending, ended_at: int) -> None:
        if ending.cpu_seconds is None or record.resumed_at is None:
            return
        vcpus, run = record.cpu * record.num_nodes, ended_at - record.resumed_at
        average = whole_run(cpu_seconds=ending.cpu_seconds, run_microseconds=run, vcpus=vcpus)
        peak = None if ending.peak_memory_kb is None else round(ending.peak_memory_kb / _KB_PER_GB, 4)
        await self._store.set_usage(record.id, cpu_average=average, memory_gb=peak)
