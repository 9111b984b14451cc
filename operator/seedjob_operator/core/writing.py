"""Whether a status is worth a write: the Kubernetes API is shared, and a change of cost alone is no news."""

from datetime import datetime, timedelta

from seedjob_operator.resources import SeedJobStatus

PROGRESS_INTERVAL = timedelta(seconds=10)

_NEVER_NEWS = frozenset({"last_sync_time"})
_PROGRESS = frozenset({"progress", "progress_text"})
_COUNTERS = frozenset({"runtime_seconds", "cost", "cost_text"})
_SAMPLED = frozenset({"analytics"})
"""Of a running job these count as progress."""


def due(recorded: SeedJobStatus, status: SeedJobStatus, *, now: datetime) -> tuple[bool, float | None]:
    """Tell whether to write now, and after how many seconds a held-back change becomes due.

    Progress alone is written at most every 10 s a job, counted from the last write of any kind. Run time and cost of a
    running job go along with other writes; once it ended they are its result and count.
    """
    ended = recorded.completion_time or status.completion_time
    patient = _PROGRESS if ended else _PROGRESS | _COUNTERS | _SAMPLED
    if _differs(recorded, status, ignoring=_NEVER_NEWS | patient):
        return True, None
    if _progress(recorded) == _progress(status):
        return False, None
    next_write = (recorded.last_sync_time or now - PROGRESS_INTERVAL) + PROGRESS_INTERVAL
    wait = (next_write - now).total_seconds()
    return wait <= 0, None if wait <= 0 else wait


def _progress(status: SeedJobStatus) -> object:
    """What of the progress is news; the time to go changes by itself."""
    read = None if status.progress is None else status.progress.model_copy(update={"eta_seconds": None})
    return read, status.analytics


def _differs(recorded: SeedJobStatus, status: SeedJobStatus, *, ignoring: frozenset[str]) -> bool:
    fields = SeedJobStatus.model_fields.keys() - ignoring
    return any(getattr(recorded, field) != getattr(status, field) for field in fields)
