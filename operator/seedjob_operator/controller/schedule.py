"""How often to look: what the jobs need to be fresh, and what the budget leaves. Pure arithmetic on seconds and requests."""

import math

from seedjob_operator.seedapi.budget import BudgetState
from seedjob_operator.seedapi.windows import MOST_FOR_LISTS

SHORTEST = 2.0
FRESH = 50.0
"""Seconds from the beginning of a round to that of the next at which every status is less than a minute old."""
LONGEST = 3600.0
_PAGES_A_SECOND = 5
"""Pages read at most, however much the plan leaves: each costs the operator some 3 ms, and the platform its own."""
_SHARE = 0.5
"""The part of a plan that lists take while nobody else wants it: what comes next shouldn't have to wait."""
_SAMPLED = 0.2
"""The part of a plan that analytics of running jobs take at most, spread evenly."""
_BETWEEN_SAMPLES = 0.1
"""Seconds between two of them at least, however much the plan leaves: each costs a pass and a status write as well."""


def lists_per_minute(requests: int) -> int:
    """Give the lists a minute that keep jobs fresh whose round takes so many requests."""
    return math.ceil(requests * 60.0 / FRESH)


def plan_needed(requests: int, per_minute: int | None) -> int | None:
    """Give the requests per minute that a plan would need, in whole tens; None where the one there is suffices."""
    needed = lists_per_minute(requests) / MOST_FOR_LISTS
    if per_minute is None or needed <= per_minute:
        return None
    return math.ceil(needed / 10) * 10


def period(requests: int, state: BudgetState) -> float:
    """Give the seconds from the beginning of one round to the beginning of the next."""
    shortest = min(max(SHORTEST, requests / _PAGES_A_SECOND), FRESH)
    if state.per_minute is None:
        return shortest
    others = state.used - state.used_by_lists - state.used_spare  # those give way
    left = 0.0 if state.waiting_creates else state.per_minute * 0.9 - others  # those take all that isn't kept
    for_freshness = min(lists_per_minute(requests), state.per_minute * MOST_FOR_LISTS)
    lists = max(min(left, state.per_minute * _SHARE), for_freshness, 1e-3)
    return min(max(shortest, requests * 60.0 / lists), LONGEST)


def between_samples(state: BudgetState) -> float:
    """Give the seconds from one read of a running job's analytics to the next: in a crowd they would delay lists."""
    return max(0.0 if state.per_minute is None else 60.0 / (state.per_minute * _SAMPLED), _BETWEEN_SAMPLES)


def ends_worth_listing(missing: int, state: BudgetState) -> bool:
    """Tell whether so many ended jobs should be listed: where to read each would take more than some ten seconds."""
    return state.per_minute is not None and missing > max(8, state.per_minute // 6)
