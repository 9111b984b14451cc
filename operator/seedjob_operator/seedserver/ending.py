"""What became of a job, from what its supervisor left in its folder."""

import math
from dataclasses import dataclass, replace
from pathlib import Path

from seedjob_operator.seedapi.wire import CreateJob, JobStatus
from seedjob_operator.seedserver.joblog import last_lines_within
from seedjob_operator.seedserver.records import JobRecord
from seedjob_operator.seedserver.supervisor import files

_STATUSES = {
    files.STOPPED: JobStatus.CANCELLED,
    files.TIMED_OUT: JobStatus.TIMED_OUT,
    files.REFUSED: JobStatus.FAILED,
}
REBOOTED = "the machine was restarted while this job ran, which ended it"
PREEMPTED = "the job was preempted: its spot capacity was taken back"
LOST = "the process that ran this job was killed from outside; what could be found of what it had started was ended"
GONE = (
    "the command removed what the platform keeps in the folder above its HOME, and with it how the job ended;"
    " what could be found of its processes was ended"
)
OVERDUE = "the job did not end when it was told to, or its time was over: all that could be found of it was killed"
NEVER_BEGAN = "the job's process could not be started"
_LAST_LINES = 100  # more than the platform's own notes behind a job's last output
_LAST_BYTES = 1 << 23  # as many of the longest lines, with room; what a job wrote there itself may have none
_LATEST = 4_000_000_000_000_000  # in the year 2096
_LONGEST_TEXT = 4096  # more than a reason of ours has; a job may have written any into its result
_MOST_RETRIES = CreateJob.MAX_RETRIES[-1]
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
    return bool(files.plain_size(str(folder / files.ORDER)))


def read_ending(record: JobRecord, folder: Path) -> Ending:
    """Read how a job ended that no supervisor has any more.

    ======  =====  =====  ===================================================
    result  order  state  then
    ======  =====  =====  ===================================================
    there                 it ended as the result says
    none    there  none   it never began: cancelled meanwhile, or failed
    none           there  its supervisor was killed: failed
    none    none   none   it began, and removed all that told of that: failed
    ======  =====  =====  ===================================================

    One that was told to stop because others need its room is queued again, as long as a retry is left. In all cases but
    the first processes may be left, for a job may make an order itself.
    """
    result = _checked(files.read_record(str(folder / files.RESULT)) or {})
    if result is not None:
        return _from_result(record, result)
    state = files.read_record(str(folder / files.STATE))
    if state is None and files.plain_size(str(folder / files.ORDER)) is not None:
        return replace(_never_begun(record, folder), strays=True)
    if state is None:
        return Ending(status=JobStatus.FAILED, error=GONE, retry_count=record.retry_count, strays=True)
    restarted = state.get("boot_id", files.boot_id()) != files.boot_id()
    return Ending(
        status=JobStatus.FAILED,
        error=REBOOTED if restarted else _with_last_words(LOST, folder),
        retry_count=record.retry_count + files.number_in(state, "retries", most=_MOST_RETRIES),
        strays=True,
    )


def _never_begun(record: JobRecord, folder: Path) -> Ending:
    if record.cancel_requested:
        return Ending(status=JobStatus.CANCELLED, retry_count=record.retry_count)
    if record.preempt_requested:
        return _preempted(record, retries=0)
    return Ending(status=JobStatus.FAILED, error=_with_last_words(NEVER_BEGAN, folder))


def overdue(record: JobRecord, ending: Ending) -> Ending:
    """Give the end of a job that had to be killed together with its supervisor: what it was to be, though late."""
    if record.cancel_requested:
        return replace(ending, status=JobStatus.CANCELLED, error=OVERDUE)
    if record.preempt_requested:
        return replace(_preempted(record, retries=ending.retry_count - record.retry_count), strays=True)
    return replace(ending, status=JobStatus.TIMED_OUT, error=OVERDUE)


def last_sign(record: JobRecord, folder: Path, *, sampled_at: int | None) -> int:
    """Give the last moment at which a job is known to have run, in microseconds, where nobody saw it end.

    It is the latest of its start, its last try's start, its last output and the last look at its processes.
    """
    lines, _ = last_lines_within(folder / files.LOG, _LAST_LINES, since=None, most_bytes=_LAST_BYTES)
    said = [line.at for line in lines if line.node is not None and line.at < _LATEST]
    try:
        told = (folder / files.STATE).lstat().st_mtime_ns // 1000
    except OSError:
        told = 0
    return max(record.resumed_at or 0, min(told, _LATEST), sampled_at or 0, *said)


@dataclass(frozen=True, kw_only=True)
class _Result:
    """A result of which each field is one that a supervisor can have written."""

    outcome: str
    reason: str
    exit_code: int | None
    retries: int
    ended_at: int
    cpu_seconds: float
    peak_memory_kb: int


def _checked(result: dict[str, str]) -> _Result | None:
    """Take a result; None if it is none: after a power cut it may be empty, and a job may have written anything."""
    outcome, reason = result.get("outcome", ""), result.get("reason", "")
    code = files.number_of(result.get("exit_code", ""), most=255)
    retries = files.number_of(result.get("retries", ""), most=_MOST_RETRIES)
    ended_at = files.number_of(result.get("ended_at", ""), most=_LATEST)
    cpu_seconds = seconds_of(result.get("cpu_seconds", ""))
    peak_memory_kb = files.number_of(result.get("peak_memory_kb", ""))
    if retries is None or ended_at is None or cpu_seconds is None or peak_memory_kb is None:
        return None
    if outcome not in (files.EXITED, *_STATUSES) or (code is None and result.get("exit_code") != ""):
        return None
    return _Result(
        outcome=outcome,
        reason=_storable(reason[:_LONGEST_TEXT]),
        exit_code=code,
        retries=retries,
        ended_at=ended_at,
        cpu_seconds=cpu_seconds,
        peak_memory_kb=peak_memory_kb,
    )


def seconds_of(text: str) -> float | None:
    """Give the seconds that a text of a record says; None if it says none that there can be."""
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and 0 <= seconds < files.LARGEST_NUMBER else None


def _storable(text: str) -> str:
    """Replace what isn't UTF-8, as a name in a folder may be: the database takes nothing else."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _from_result(record: JobRecord, result: _Result) -> Ending:
    code = result.exit_code
    status = _STATUSES.get(result.outcome, JobStatus.FAILED if code else JobStatus.SUCCEEDED)
    error = result.reason or None
    if status is JobStatus.FAILED and error is None:
        error = f"the command ended with exit code {code}"
    if status is JobStatus.TIMED_OUT:
        error = f"the job was ended after its timeout of {record.timeout_minutes} minutes"
    ending = Ending(
        status=status,
        error=error,
        exit_code=code,
        retry_count=record.retry_count + result.retries,
        ended_at=result.ended_at,
        cpu_seconds=result.cpu_seconds,
        peak_memory_kb=result.peak_memory_kb,
    )
    if status is not JobStatus.CANCELLED or record.cancel_requested:
        return ending
    if record.preempt_requested:
        return replace(_preempted(record, retries=result.retries), ended_at=ending.ended_at)
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
    words = (files.read_plain(str(folder / files.ERRORS)) or b"").decode(errors="replace").strip().splitlines()
    return f"{reason} ({words[-1][:_LONGEST_TEXT]})" if words else reason
