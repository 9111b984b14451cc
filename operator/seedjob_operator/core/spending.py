"""What a run has cost by now: all its attempts, and the one in force by extrapolation where the platform is silent."""

from datetime import datetime, timedelta
from decimal import Decimal

from seedjob_operator.core.case import Case
from seedjob_operator.resources import Phase
from seedjob_operator.seedapi.wire import Job, JobStatus

_HOUR = Decimal(3600)
_LONGEST_WAIT = 3600.0
_LOWEST_PRICE = Decimal("0.000001")


def exceeded(case: Case) -> bool:
    """Tell whether the run costs more than its limit by now. Nothing is said before the platform reports a price."""
    limit = case.desired.spec.cost_limit
    return limit is not None and _estimate(case) > limit


def seconds_to_limit(case: Case) -> float | None:
    """Give the seconds after which the limit is reached at the present price; None where that isn't to be awaited."""
    limit, price = case.desired.spec.cost_limit, _price(case)
    if limit is None or price is None or price < _LOWEST_PRICE:
        return None
    return min(float((limit - _estimate(case)) / price * _HOUR) + 1.0, _LONGEST_WAIT)


def _estimate(case: Case) -> Decimal:
    """Give what the run costs by now."""
    return (case.earlier_cost or Decimal(0)) + (_attempt(case) or Decimal(0))


def _attempt(case: Case) -> Decimal | None:
    job = case.observed.remote
    return _seen(case, job) if isinstance(job, Job) and case.is_ours(job) else _recorded(case)


def _seen(case: Case, job: Job) -> Decimal | None:
    so_far = job.total_cost
    if so_far is None and job.cost_per_hour is not None and job.runtime_seconds is not None:
        so_far = job.cost_per_hour * max(job.runtime_seconds, 0) / _HOUR
    since = case.observed.seen_at if job.status is JobStatus.RUNNING else None
    return _extrapolated(so_far, job.cost_per_hour, since, case.now)


def _recorded(case: Case) -> Decimal | None:
    """What the status says, where nothing was seen since this process began."""
    status = case.desired.status
    if not case.submitted or status.cost is None:
        return None
    since = status.last_sync_time if status.phase is Phase.RUNNING else None
    return _extrapolated(status.cost.total, status.cost.per_hour, since, case.now)


def _extrapolated(
    so_far: Decimal | None, price: Decimal | None, since: datetime | None, now: datetime
) -> Decimal | None:
    if so_far is None or price is None or since is None:
        return so_far
    passed = max(now - since, timedelta(0))
    return so_far + price * Decimal(str(passed.total_seconds())) / _HOUR


def _price(case: Case) -> Decimal | None:
    """Give what an hour costs while the job runs."""
    job, status = case.observed.remote, case.desired.status
    if isinstance(job, Job):
        return job.cost_per_hour if job.status is JobStatus.RUNNING else None
    return status.cost.per_hour if status.cost is not None and status.phase is Phase.RUNNING else None
