"""What became of a job, from what its supervisor left in its folder."""

import contextlib
from dataclasses import dataclass, replace
from pathlib import Path

from seedjob_operator.seedapi.wire import JobStatus
from seedjob_operator.seedserver.joblog import last_lines
from seedjob_operator.seedserver.records import JobRecord
from seedjob_operator.seedserver.supervisor import files

_STATUSES = {
    files.STOPPED: JobStatus.CANCELLED,
    files.TIMED_OUT: JobStatus.TIMED_OUT,
    files.REFUSED: JobStatus.FAILED,
}
REBOOTED = "the machine was restarted while this job ran, which ended it"
PREEMPTED = "the job was preempted: its room was needed for a job that is not spot"
LOST = "the process that ran this job was killed from outside; what could be found of what it had started was ended"
GONE = (
    "the command removed what the platform keeps in the folder above its HOME, and with it how the job ended;"
    " what could be found of its processes was ended"
)
NEVER_BEGAN = "the job's process could not be started"
_LAST_LINES = 100  # more than the platform's own notes behind a job's last output
_STOPPED_FROM_OUTSIDE = "the job was told to stop by something else than the Seed platform"


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a job ended, or its turn: with the status `queued` it was preempted, and waits for its next one.

    `ended_at` in microseconds; None means now. `retry_count` counts from the job's beginning.
    """

    status: JobStatus
    error: str | None = None
    exit_code: int | None = None
    retry_count: int = 0
    ended_at: int | None = None
    cpu_seconds: float | None = None
    peak_memory_kb: int | None = None
    strays: bool = False
    """Whether processes of it may have been left behind."""


def may_begin(folder: Path) -> bool:
    """Whether the order of a running job is still there, so that nothing of the job has begun."""
    order = folder / files.ORDER
    return order.is_file() and order.stat().st_size > 0


def read_ending(record: JobRecord, folder: Path) -> Ending:
    """Read how a job ended that no supervisor has any more.

    ======  =====  =====  ===================================================
    result  order  state  then
    ======  =====  =====  ===================================================
    there                 it ended as the result says
    none    there         it never began: cancelled meanwhile, or failed
    none    none   there  its supervisor was killed: failed
    none    none   none   it began, and removed all that told of that: failed
    ======  =====  =====  ===================================================

    One that was told to stop because others need its room is queued again, as long as a retry is left.
    """
    with contextlib.suppress(
        KeyError, ValueError
    ):  # after a power cut it may be empty; a job may have written anything
        return _from_result(record, files.read_record(str(folder / files.RESULT)) or {})
    if (folder / files.ORDER).is_file():
        if record.cancel_requested:
            return Ending(status=JobStatus.CANCELLED, retry_count=record.retry_count)
        if record.preempt_requested:
            return _preempted(record, retries=0)
        return Ending(status=JobStatus.FAILED, error=_with_last_words(NEVER_BEGAN, folder))
    state = files.read_record(str(folder / files.STATE))
    if state is None:
        return Ending(status=JobStatus.FAILED, error=GONE, retry_count=record.retry_count, strays=True)
    restarted = state.get("boot_id", files.boot_id()) != files.boot_id()
    return Ending(
        status=JobStatus.FAILED,
        error=REBOOTED if restarted else _with_last_words(LOST, folder),
        retry_count=record.retry_count + files.number_in(state, "retries"),
        strays=True,
    )


def last_sign(record: JobRecord, folder: Path, *, sampled_at: int | None) -> int:
    """Give the last moment at which a job is known to have run, in microseconds, where nobody saw it end.

    It is the latest of its start, its last try's start, its last output and the last look at its processes.
    """
    said = [line.at for line in last_lines(folder / files.LOG, _LAST_LINES) if line.node is not None]
    try:
        told = (folder / files.STATE).stat().st_mtime_ns // 1000
    except OSError:
        told = 0
    return max(record.resumed_at or 0, told, sampled_at or 0, *said)


def _from_result(record: JobRecord, result: dict[str, str]) -> Ending:
    outcome, code = result["outcome"], int(result["exit_code"]) if result["exit_code"] else None
    status = _STATUSES.get(outcome, JobStatus.FAILED if code else JobStatus.SUCCEEDED)
    error = result["reason"] or None
    if status is JobStatus.FAILED and error is None:
        error = f"the command ended with exit code {code}"
    if status is JobStatus.TIMED_OUT:
        error = f"the job was ended after its timeout of {record.timeout_minutes} minutes"
    ending = Ending(
        status=status,
        error=error,
        exit_code=code,
        retry_count=record.retry_count + int(result["retries"]),
        ended_at=int(result["ended_at"]),
        cpu_seconds=float(result["cpu_seconds"]),
        peak_memory_kb=int(result["peak_memory_kb"]),
    )
    if status is not JobStatus.CANCELLED or record.cancel_requested:
        return ending
    if record.preempt_requested:
        return replace(_preempted(record, retries=int(result["retries"])), ended_at=ending.ended_at)
    return replace(ending, status=JobStatus.FAILED, error=_STOPPED_FROM_OUTSIDE)


def _preempted(record: JobRecord, *, retries: int) -> Ending:
    """Queue a job again if it may be tried once more."""
    used = record.retry_count + retries
    if used < record.max_retries:
        return Ending(status=JobStatus.QUEUED, retry_count=used + 1)
    error = f"{PREEMPTED}, and of its {record.max_retries} retries none was left; give a larger max_retries"
    return Ending(status=JobStatus.FAILED, error=error, retry_count=used)


def _with_last_words(reason: str, folder: Path) -> str:
    """Add the last line that the supervisor wrote to its standard error, if it did."""
    try:
        words = (folder / files.ERRORS).read_text(errors="replace").strip().splitlines()
    except OSError:
        words = []
    return f"{reason} ({words[-1]})" if words else reason
