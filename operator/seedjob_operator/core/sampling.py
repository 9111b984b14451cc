"""When the analytics of a running job are read: now and then, for what is shown while it runs.

What the platform says of it after its end is another matter: that is its result (`ending`).
"""

from datetime import UTC, datetime, timedelta

from seedjob_operator.core.snapshot import Observed
from seedjob_operator.seedapi.wire import Job, JobStatus

EVERY = timedelta(minutes=5)
FIRST_AFTER = 30
"""Seconds of run time before which there is little to sum up; what ends sooner costs no request."""
_NEVER = datetime.min.replace(tzinfo=UTC)


def due_since(observed: Observed, now: datetime) -> datetime | None:
    """Tell since when a job's analytics are due, to serve who waited longest; None where they aren't.

    Whoever never had any comes first.
    """
    job = observed.remote
    if not isinstance(job, Job) or job.status is not JobStatus.RUNNING:
        return None
    if job.runtime_seconds is not None and job.runtime_seconds < FIRST_AFTER:
        return None
    if observed.sampled_at is None:
        return _NEVER
    due = observed.sampled_at + EVERY
    return due if due <= now else None
