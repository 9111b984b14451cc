"""What became of a job, from what its supervisor left in its folder."""

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
LOST = "the process that ran this job was killed from outside, and what it had started was ended"
GONE = "the job's folder is gone, and with it how the job ended: a command must not remove the folder above its HOME"
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


def has_begun(folder: Path) -> bool:
    """Whether a supervisor has taken up the job of a folder."""
    return (folder / files.STATE).exists() and not (folder / files.ORDER).exists()


def is_ordered(folder: Path) -> bool:
    """Whether a job's order was ever written.

    It must be only once: else a supervisor that an earlier server started, and that is just beginning, would take the
    first order, and another one the second.

    The order is looked for first, because a supervisor writes its state before it removes the order.
    """
    return (folder / files.ORDER).exists() or (folder / files.STATE).exists()


def read_ending(record: JobRecord, folder: Path) -> Ending:
    """Read how a job ended that no supervisor has any more.

    ==============  =====  ==============================================
    result written  begun  then
    ==============  =====  ==============================================
    yes             (yes)  it ended as the result says
    no              no     it never began: cancelled meanwhile, or failed
    no              yes    its supervisor was killed: failed
    ==============  =====  ==============================================

    One that was told to stop because others need its room is queued again, as long as a retry is left.
    """
    result = files.read_record(str(folder / files.RESULT))
    if result:  # after a power cut it may be empty
        return _from_result(record, result)
    if not has_begun(folder):
        if record.cancel_requested:
            return Ending(status=JobStatus.CANCELLED, retry_count=record.retry_count)
        if record.preempt_requested:
            return _preempted(record, retries=0)
        return Ending(status=JobStatus.FAILED, error=_with_last_words(NEVER_BEGAN, folder) if folder.is_dir() else GONE)
    state = files.read_record(str(folder / files.STATE)) or {}
    restarted = state.get("boot_id", files.boot_id()) != files.boot_id()
    return Ending(
        status=JobStatus.FAILED,
        error=REBOOTED if restarted else _with_last_words(LOST, folder),
        retry_count=record.retry_count + int(state.get("retries", "0")),
        strays=True,
    )


def last_sign(record: JobRecord, folder: Path, *, sampled_at: int | None) -> int:
    """Give the last moment at which a job is known to have run, in microseconds, where nobody saw it end.

    It is the latest of its start, its last try's start, its last output and the last look at its processes.
    """
    said = [line.at for line in last_lines(folder / files.LOG, _LAST_LINES) if line.node is not None]
    try:
        told = (folder / files.STATE).stat().st_mtime_ns // 1000
    except FileNotFoundError:
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
