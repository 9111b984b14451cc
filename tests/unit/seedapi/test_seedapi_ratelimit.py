"""What the headers of an answer say about waiting, whatever is in them."""

import pytest

from seedjob_operator.seedapi.ratelimit import (
    RateLimit,
    platform_time,
    read_rate_limit,
    read_retry_after,
    wait_after_429,
)
from unit.seedapi.answering import NOW

DATE = "Sat, 01 Mar 2025 12:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds", "why"),
    [
        ({"Retry-After": "7"}, 7.0, "seconds"),
        ({"Retry-After": "2.5"}, 2.5, "some servers send fractions"),
        ({"Retry-After": "Sat, 01 Mar 2025 12:00:30 GMT"}, 30.0, "an HTTP date, by our clock"),
        ({"Retry-After": "Sat, 01 Mar 2025 13:00:30 GMT", "Date": "Sat, 01 Mar 2025 13:00:00 GMT"}, 30.0,
         "an HTTP date, by the platform's own clock, which is an hour off"),
        ({"Retry-After": "Sat, 01 Mar 2025 11:00:00 GMT"}, 0.0, "a date that has passed"),
        ({"Retry-After": "0"}, 0.0, "at once"),
        ({"Retry-After": "-5"}, 0.0, "before now"),
        ({"Retry-After": "86400"}, 86400.0, "a whole day is believed"),
        ({"Retry-After": "1e300"}, 86400.0, "longer than a day is a mistake"),
        ({"Retry-After": "inf"}, 86400.0, "longer than a day is a mistake"),
        ({"Retry-After": "nan"}, None, "no number"),
        ({"Retry-After": "soon"}, None, "a word"),
        ({"Retry-After": "Sat, 99 Mar 2025 25:00:00 GMT"}, None, "no date"),
        ({"Retry-After": ""}, None, "nothing"),
        ({}, None, "absent"),
    ],
)  # fmt: skip
def test_retry_after(headers: dict[str, str], seconds: float | None, why: str) -> None:
    assert read_retry_after(headers, now=NOW) == seconds, why


@pytest.mark.parametrize(
    ("headers", "seconds", "why"),
    [
        ({"Retry-After": "7"}, 7.0, "as it says"),
        ({"Retry-After": "0"}, 1.0, "never at once: it has just refused us"),
        ({}, 5.0, "nothing said"),
        ({"Retry-After": "soon"}, 5.0, "nothing that can be read"),
        ({"X-RateLimit-Reset": "12"}, 12.0, "the reset says when"),
        ({"X-RateLimit-Reset": "4000"}, 60.0, "a minute's window is free again within a minute"),
        ({"Retry-After": "7", "X-RateLimit-Reset": "50"}, 7.0, "Retry-After is the more exact"),
    ],
)
def test_wait_after_429(headers: dict[str, str], seconds: float, why: str) -> None:
    assert wait_after_429(headers, now=NOW) == seconds, why


@pytest.mark.parametrize(
    ("headers", "read", "why"),
    [
        ({}, None, "an unlimited plan sends none"),
        ({"X-RateLimit-Limit": "60"}, RateLimit(limit=60), "one of the three"),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "3"}, RateLimit(remaining=0, reset_after=3.0), "used up"),
        ({"X-RateLimit-Reset": str(int(NOW.timestamp()) + 9)}, RateLimit(reset_after=9.0), "epoch seconds"),
        ({"X-RateLimit-Reset": str(int(NOW.timestamp()) + 3609), "Date": "Sat, 01 Mar 2025 13:00:00 GMT"},
         RateLimit(reset_after=9.0), "epoch seconds of a clock that is an hour ahead"),
        ({"X-RateLimit-Reset": "1"}, RateLimit(reset_after=1.0), "seconds to go"),
        ({"X-RateLimit-Reset": "1000000001"}, RateLimit(reset_after=0.0), "an epoch long ago"),
        ({"X-RateLimit-Limit": "-1", "X-RateLimit-Remaining": "many"}, None, "nothing that can be read"),
    ],
)  # fmt: skip
def test_rate_limit(headers: dict[str, str], read: RateLimit | None, why: str) -> None:
    assert read_rate_limit(headers, now=NOW) == read, why


@pytest.mark.parametrize("date", ["", "today", "Sat, 01 Mar 99999 12:00:00 GMT", "0"])
def test_a_date_that_is_none(date: str) -> None:
    assert platform_time({"Date": date}) is None


def test_the_platforms_clock() -> None:
    assert platform_time({"Date": DATE}) == NOW
