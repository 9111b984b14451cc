"""How old a status is: from the platform's own time of a change until an independent watcher sees it in Kubernetes."""

import bisect
import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from seedjob_operator.resources import TERMINAL_PHASES

_NOT_STARTED = {None, "Pending", "Queued"}
_ENDED = float("inf")
"""The progress of a job that ended: later than any step."""

Observation = tuple[float, str, str | None, str | None, int | None]
"""Time, SeedJob, remote job's name, phase, progress step."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Staleness:
    """How old statuses were, in seconds. Changes that were `unseen` in the end count with the time until then."""

    p50: float
    p99: float
    most: float
    changes: int
    unseen: int


def percentile(values: Sequence[float], share: float) -> float:
    """Give the value that this share of the sorted values doesn't pass."""
    return values[min(int(share * len(values)), len(values) - 1)]


def measure(
    ledger: Iterable[dict[str, Any]], observations: Iterable[Observation], *, window: tuple[float, float], until: float
) -> Staleness | None:
    """Take all changes of the platform in a window, and the first time until an end that each was to be seen."""
    by_job: dict[str, list[Observation]] = {}
    for observation in observations:
        if observation[2] is not None:
            by_job.setdefault(observation[2], []).append(observation)
    ages, unseen = [], 0
    for job in ledger:
        for changed, seen in _changes(job, by_job.get(job["name"], []), window=window):
            unseen += seen is None
            ages.append((until if seen is None else seen) - changed)
    ages.sort()
    if not ages:
        return None
    return Staleness(
        p50=percentile(ages, 0.5), p99=percentile(ages, 0.99), most=ages[-1], changes=len(ages), unseen=unseen
    )


def _changes(
    job: dict[str, Any], observations: list[Observation], *, window: tuple[float, float]
) -> Iterator[tuple[float, float | None]]:
    """Give each change of one job in the window, and when it was first to be seen."""
    first = _first(observations, lambda phase: phase is not None)
    started = _first(observations, lambda phase: phase not in _NOT_STARTED)
    ended = _first(observations, lambda phase: phase in TERMINAL_PHASES)
    for changed, seen in ((job["created"], first), (job["started"], started), (job["ended"], ended)):
        if changed is not None and window[0] <= changed < window[1]:
            yield changed, seen
    yield from _progress(job, observations, window=window)


def _first(observations: list[Observation], wanted: Callable[[str | None], bool]) -> float | None:
    return next((observation[0] for observation in observations if wanted(observation[3])), None)


def _progress(
    job: dict[str, Any], observations: list[Observation], *, window: tuple[float, float]
) -> Iterator[tuple[float, float | None]]:
    """A step is seen when it or a later one is."""
    every, started = job["progress_every"], job["started"]
    if not every or started is None:
        return
    steps = [_ENDED if phase in TERMINAL_PHASES else float(step or 0) for _, _, _, phase, step in observations]
    reached = list(itertools.accumulate(steps, max))
    zero = started - job["progress_shift"]
    last = min(window[1], job["ended"] or window[1])
    for step in range(max(1, int((window[0] - zero) / every) + 1), int((last - zero) / every) + 1):
        index = bisect.bisect_left(reached, step)
        yield zero + step * every, observations[index][0] if index < len(observations) else None
