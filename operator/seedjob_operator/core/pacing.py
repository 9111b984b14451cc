"""How long to wait where the platform's answers contradict each other: longer each time, and never not at all."""

from datetime import datetime, timedelta

SHORTEST_LOOK = timedelta(seconds=2)
LONGEST_LOOK = timedelta(minutes=1)
FIRST_TRY = timedelta(seconds=15)
LONGEST_TRY = timedelta(minutes=10)
_MOST_DOUBLINGS = 10


def until_next_try(since: datetime, now: datetime, *, tries: int, first: timedelta = FIRST_TRY) -> float:
    """Give the seconds until something that was asked `tries` times, last at `since`, is asked once more; 0 for now."""
    interval = min(first * 2.0 ** min(max(tries - 1, 0), _MOST_DOUBLINGS), LONGEST_TRY)
    return max((since + interval - now).total_seconds(), 0.0)


def until_next_look(
    since: datetime | None,
    now: datetime,
    *,
    shortest: timedelta = SHORTEST_LOOK,
    longest: timedelta = LONGEST_LOOK,
) -> float:
    """Give the seconds to the next look at what has been so since a time: the longer, the more rarely."""
    waited = now - since if since is not None else timedelta(0)
    return min(max(waited / 2, shortest), longest).total_seconds()
