"""What is asked for, checked before it is sent: names, and the query parameters of lists and logs."""

from datetime import UTC, datetime

from seedjob_operator.seedapi import wire
from seedjob_operator.seedapi.errors import InvalidRequestError
from seedjob_operator.seedapi.wire import JobSort, JobStatus, Query, SortOrder


def job_path(template: str, *, namespace: str, name: str) -> str:
    """Give a job's path.

    Raises:
        InvalidRequestError: no job can have this name; as a part of a path it would mean another resource.
    """
    if not name.strip("."):
        raise InvalidRequestError(f"The job name {name!r} can't exist: use letters, digits, '-' and '_'.")
    return wire.path(template, namespace=namespace, name=name)


def list_query(*, status: JobStatus | None, page: int, per_page: int, sort: str, order: str) -> dict[str, str]:
    """Give the query of a list (List jobs).

    Raises:
        InvalidRequestError: a value that the contract doesn't have.
    """
    if status is JobStatus.UNKNOWN:
        raise InvalidRequestError("Jobs can't be listed by an unknown status: leave the status out.")
    if page < 1 or not 1 <= per_page <= wire.MAX_PER_PAGE:
        raise InvalidRequestError(f"There is no page {page} of {per_page} jobs: pages count from 1 and have 1 to 100.")
    if sort not in tuple(JobSort) or order not in tuple(SortOrder):
        raise InvalidRequestError(f"Jobs can't be sorted by {sort!r} {order!r}: use {', '.join(JobSort)}; asc or desc.")
    query = {Query.PAGE: str(page), Query.PER_PAGE: str(per_page), Query.SORT: str(sort), Query.ORDER: str(order)}
    found = {} if status is None else {Query.STATUS: status.value}
    return {name.value: value for name, value in (found | query).items()}


def log_query(*, tail: int | None, since: datetime | None) -> dict[str, str]:
    """Give the query of a log (Get job logs): the last `tail` lines, and only those after an aware time.

    Raises:
        InvalidRequestError: a value that the contract doesn't have.
    """
    if tail is not None and not 1 <= tail <= wire.MAX_TAIL:
        raise InvalidRequestError(f"A log's tail can't have {tail} lines: ask for 1 to {wire.MAX_TAIL}.")
    if since is not None and since.tzinfo is None:
        raise InvalidRequestError("A log can't be read from a time without a zone: give the time with its zone.")
    query = {} if tail is None else {Query.TAIL.value: str(tail)}
    return query if since is None else query | {Query.SINCE.value: iso8601(since)}


def iso8601(time: datetime) -> str:
    """Write an aware time in UTC with microseconds, as `2025-01-31T12:00:00.000000Z`."""
    return time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
