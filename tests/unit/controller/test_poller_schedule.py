"""How often the lists are read: by what freshness needs and the budget leaves, and a figure where that isn't enough."""

import pytest

from seedjob_operator.controller.schedule import between_samples, lists_per_minute, period, plan_needed
from seedjob_operator.seedapi.budget import Budget, Priority


def state_of(per_minute: int | None, *, gets: int = 0) -> Budget:
    budget = Budget(clock=lambda: 0.0)
    budget.configure("me", requests_per_minute=per_minute, burst=None)
    gate = budget._gate("me")
    for _ in range(gets):
        gate.windows.begin(Priority.GET)
    return budget


@pytest.mark.parametrize(
    ("requests", "per_minute", "gets", "seconds"),
    [
        (1, 60, 0, 2.0),  # two seconds at best
        (1, None, 0, 2.0),
        (2, 60, 0, 4.0),  # half of the plan at most
        (11, 60, 0, 22.0),
        (11, 60, 40, 47.0),  # others take 40 of it: what is left
        (11, 60, 54, 47.0),  # and never less than freshness needs
        (100, 60, 0, 150.0),  # more than the plan can give: as often as it can
        (100, 1000, 0, 20.0),
        (10, None, 0, 2.0),
        (50, None, 0, 10.0),  # without a limit, too, five pages a second are enough
        (50, 100_000, 0, 10.0),
        (1000, None, 0, 50.0),  # but within a minute all are seen
    ],
)
def test_the_period(requests: int, per_minute: int | None, gets: int, seconds: float) -> None:
    assert period(requests, state_of(per_minute, gets=gets).state("me")) == pytest.approx(seconds, abs=1.0)


def test_a_plan_that_is_too_small_says_what_it_would_need() -> None:
    assert plan_needed(11, 60) is None, "1,000 active jobs"
    assert plan_needed(100, None) is None
    assert plan_needed(100, 60) == 180, "10,000 active jobs: 120 lists a minute, and a third for all else"
    assert plan_needed(100, 180) is None
    assert lists_per_minute(100) == 120


@pytest.mark.parametrize(("per_minute", "seconds"), [(60, 5.0), (1000, 0.3), (100_000, 0.1), (None, 0.1)])
def test_analytics_of_running_jobs_are_read_evenly(per_minute: int | None, seconds: float) -> None:
    """At most a fifth of a plan, and never so many that the operator itself has much to do with them."""
    assert between_samples(state_of(per_minute).state("me")) == pytest.approx(seconds)


def test_what_takes_leavings_makes_no_list_wait() -> None:
    budget = state_of(60)
    for _ in range(40):
        budget._gate("me").windows.begin(Priority.SPARE)
    assert period(11, budget.state("me")) == pytest.approx(22.0)
