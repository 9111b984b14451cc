"""What the platform's answers say about time: its rate limit, when to come back, and its own clock.

Pure: headers and our time in, numbers out. Whatever can't be read counts as not said.
"""

import dataclasses
import functools
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from seedjob_operator.seedapi.wire import Header

SHORTEST_RETRY_AFTER = 1.0
"""Seconds to wait after a 429 even if the platform says 0: it has just refused us."""
LONGEST_RETRY_AFTER = 86_400.0
"""Seconds; a day is believed, more is taken for a mistake."""
UNSAID_RETRY_AFTER = 5.0
"""Seconds to wait after a 429 that doesn't say how long: in a sliding minute some requests are free again by then."""
_EPOCH_FROM = 1e9
_SOONEST_RESET = 60.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class RateLimit:
    """The plan's state as the last answer told it; None for what it didn't tell. `reset_after` is in seconds."""

    limit: int | None = None
    remaining: int | None = None
    reset_after: float | None = None


def read_rate_limit(headers: Mapping[str, str], *, now: datetime) -> RateLimit | None:
    """Read the X-RateLimit headers; None where an answer has none of them."""
    known = RateLimit(
        limit=read_limit(headers),
        remaining=_count(headers.get(Header.RATE_LIMIT_REMAINING)),
        reset_after=_reset_after(headers, now),
    )
    return None if known == RateLimit() else known


def read_limit(headers: Mapping[str, str]) -> int | None:
    """Read the requests per minute that the platform says it allows; None where it doesn't say."""
    return _count(headers.get(Header.RATE_LIMIT))


def read_remaining(headers: Mapping[str, str]) -> int | None:
    """Read how many requests the platform says are left; None where it doesn't say."""
    return _count(headers.get(Header.RATE_LIMIT_REMAINING))


def odd_retry_after(headers: Mapping[str, str]) -> str | None:
    """Say what is odd about a Retry-After: it makes no sense, or it is so long that somebody should know."""
    value = headers.get(Header.RETRY_AFTER)
    if value is None:
        return None
    now = platform_time(headers)
    if now is None and _number(value) is None and _http_date(value) is not None:
        return None  # a date without the platform's own beside it can't be judged
    seconds = _seconds_until(value, headers, now or datetime.min.replace(tzinfo=UTC))
    if seconds is None:
        return "The platform's Retry-After can't be read; a few seconds are waited."
    if seconds < 0:
        return "The platform's Retry-After lies in the past; a second is waited."
    if seconds >= LONGEST_RETRY_AFTER:
        return "The platform's Retry-After is a day or more; a day at most is waited."
    return None


def read_retry_after(headers: Mapping[str, str], *, now: datetime) -> float | None:
    """Give the seconds of Retry-After, a number or an HTTP date (RFC 9110, section 10.2.3), from 0 to a day.

    A date is compared with the platform's own `Date` where there is one, so that no clock's error counts.
    """
    value = headers.get(Header.RETRY_AFTER)
    if value is None:
        return None
    seconds = _seconds_until(value, headers, now)
    return None if seconds is None else min(max(seconds, 0.0), LONGEST_RETRY_AFTER)


def _seconds_until(value: str, headers: Mapping[str, str], now: datetime) -> float | None:
    seconds = _number(value)
    if seconds is not None:
        return seconds
    date = _http_date(value)
    return None if date is None else (date - (platform_time(headers) or now)).total_seconds()


def wait_after_429(headers: Mapping[str, str], *, now: datetime) -> float:
    """Give the seconds to hold a credential after a 429: never 0, so that nothing spins."""
    said = read_retry_after(headers, now=now)
    if said is None:
        reset = _reset_after(headers, now)
        said = UNSAID_RETRY_AFTER if reset is None else min(reset, _SOONEST_RESET)
    return max(said, SHORTEST_RETRY_AFTER)


def platform_time(headers: Mapping[str, str]) -> datetime | None:
    """Read the platform's clock, in whole seconds."""
    return _http_date(headers.get(Header.DATE, ""))


def _reset_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """X-RateLimit-Reset is epoch seconds from 10^9 on, else seconds to go."""
    seconds = _number(headers.get(Header.RATE_LIMIT_RESET, ""))
    if seconds is None:
        return None
    if seconds > _EPOCH_FROM:
        seconds -= (platform_time(headers) or now).timestamp()
    return max(seconds, 0.0)


def _count(value: str | None) -> int | None:
    number = _number(value or "")
    return int(number) if number is not None and number >= 0 else None


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return None if math.isnan(number) else min(max(number, -1e18), 1e18)


@functools.lru_cache(maxsize=16)  # of one second there are many answers
def _http_date(value: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date
