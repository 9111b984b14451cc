"""Credentials and the plans' limits, with a clock of the test's own."""

import random

import pytest

from chance import draw_seed
from seedjob_operator.seedserver.access import Credential, Credentials
from seedjob_operator.seedserver.errors import RefusedError
from seedjob_operator.seedserver.ratelimit import PLANS, Plan, RateLimit, whole_seconds

CREDENTIAL = Credential(namespaces=frozenset({"acme"}), plan=None)
KNOWN = Credentials([("t0k$x", CREDENTIAL), ("plain", CREDENTIAL), ("", CREDENTIAL)])


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ("Bearer plain", "a token"),
        ("bearer plain", "the scheme's case doesn't matter (RFC 9110, section 11.1)"),
        ("API-Key ci$plain", "a key's secret is the token"),
        ("API-Key t0k$x", "the whole key is the token"),
        ("Bearer t0k$x", "a key given as a token"),
    ],
)
def test_good_credentials(header: str, why: str) -> None:
    assert KNOWN.find(header)[1] is CREDENTIAL, why


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        "Basic plain",
        "API-Key plain",
        "plain",
        "API-Key $",
        "API-Key ci$",
    ],
)
def test_bad_credentials_are_refused_without_showing_them(header: str | None) -> None:
    with pytest.raises(RefusedError) as refused:
        KNOWN.find(header)
    assert refused.value.status == 401
    assert "wrong" not in refused.value.message
    assert "plain" not in refused.value.message


def test_the_burst_is_a_sliding_second() -> None:
    limit = RateLimit(Plan(60, 3))
    assert [limit.check(0.0).allowed, limit.check(0.1).allowed, limit.check(0.2).allowed] == [True] * 3
    refused = limit.check(0.9)
    assert not refused.allowed
    assert refused.retry_after == pytest.approx(0.1)
    assert limit.check(1.0).allowed, "the first left the second"
    assert not limit.check(1.05).allowed, "three within the last second again"


def test_the_minute_slides_and_refused_requests_do_not_count() -> None:
    limit = RateLimit(Plan(5, 100))
    remaining = [limit.check(float(second)).remaining for second in range(5)]
    assert remaining == [4, 3, 2, 1, 0]
    refused = limit.check(30.0)
    assert (refused.allowed, refused.remaining, refused.retry_after) == (False, 0, 30.0)
    assert limit.check(60.0).allowed, "the first request is a minute ago; the refused one took no place"


def test_who_waits_as_long_as_told_passes() -> None:
    seed = draw_seed()
    rng, limit, now = random.Random(seed), RateLimit(Plan(20, 4)), 0.0
    for _ in range(2000):
        now += rng.expovariate(2)
        verdict = limit.check(now)
        if not verdict.allowed:
            now += whole_seconds(verdict.retry_after)
            assert limit.check(now).allowed, f"seed {seed}"


def test_the_contracts_plans() -> None:
    assert {name: plan and (plan.per_minute, plan.burst) for name, plan in PLANS.items()} == {
        "60": (60, 10),
        "300": (300, 30),
        "1000": (1000, 100),
        "unlimited": None,
    }
