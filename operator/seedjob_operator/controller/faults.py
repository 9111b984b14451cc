"""What an error of the client means in a SeedJob's conditions."""

from datetime import datetime

from seedjob_operator.core.reasons import Reason
from seedjob_operator.core.snapshot import Fault, Reach
from seedjob_operator.seedapi import errors

_REFUSALS: tuple[tuple[type[errors.SeedError], Reason], ...] = (
    (errors.UnauthorizedError, Reason.UNAUTHORIZED),
    (errors.ForbiddenError, Reason.FORBIDDEN),
    (errors.RateLimitedError, Reason.RATE_LIMITED),
)


def fault_of(error: errors.SeedError, *, now: datetime, listing: bool = False) -> Fault:
    """Say what an error means. A 404 on a list means that the Seed namespace isn't there."""
    for kind, reason in _REFUSALS:
        if isinstance(error, kind):
            return _fault(error, reason, Reach.REFUSED, now)
    if listing and isinstance(error, errors.NotFoundError):
        message = (
            "The platform has no such Seed namespace: check it, and the path of the endpoint's address. Those of a "
            "SeedConnection can't be changed: make another one, and name it together with a new runId."
        )
        return Fault(reason=Reason.NAMESPACE_NOT_FOUND, message=message, reach=Reach.REFUSED, since=now)
    return _fault(error, Reason.PLATFORM_UNAVAILABLE, Reach.UNREACHABLE, now)


def _fault(error: errors.SeedError, reason: Reason, reach: Reach, now: datetime) -> Fault:
    message = f"{error.message} {error.user_action}".strip()
    return Fault(reason=reason, message=message, reach=reach, since=now, retry_after=error.retry_after)


def is_answer_about_the_job(error: errors.SeedError) -> bool:
    """Tell whether the platform answered, with good credentials, that this one job can't be served."""
    return isinstance(error, errors.NotFoundError | errors.ConflictError | errors.SpecRejectedError)
