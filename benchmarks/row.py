"""What a row is, and what rows have in common: waiting for what is to be seen, and putting a result together."""

import asyncio
import dataclasses
import random
import time
from collections.abc import Awaitable, Callable

from benchmarks import measuring
from benchmarks.apiserver import manifest
from benchmarks.result import Result
from benchmarks.stage import Mark, Stage
from benchmarks.subjects import UNLIMITED, Subject

LONGEST_SECONDS = 900.0
AFTERMATH_SECONDS = 3.0
WINDOW = "window"
_START_SECONDS = 5.0
_UP_SECONDS = 120.0

Measure = Callable[[Stage, Subject, int, "Row"], Awaitable[Result]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One row.

    Attributes:
        about: what it measures, for people.
        sizes: how many SeedJobs, where the command line doesn't say.
        window: for how many seconds it measures, where it is not until something has happened.
        floor: whether a floor is measured beside it: the same number of writes, bare.
    """

    name: str
    about: str
    measure: Measure
    sizes: tuple[int, ...] = (1_000,)
    window: float = 60.0
    plan: str = UNLIMITED
    floor: bool = True


async def result_of(
    stage: Stage,
    subject: Subject,
    n: int,
    row: Row,
    *,
    what: str,
    seconds: float | None,
    since: Mark,
    until: Mark | None = None,
    staleness_window: tuple[float, float] | None = None,
    **more: object,
) -> Result:
    """Put a subject's result in a row together; `more` are figures that only this row has."""
    return await measuring.result(
        stage, row=row.name, n=n, subject=subject.name, what=what, seconds=seconds, since=since, until=until,
        staleness_window=staleness_window, whole_aftermath=what != WINDOW, more=more,
    )  # fmt: skip


async def wait_until_up(stage: Stage, subject: Subject, *, active: int, cap: float = _UP_SECONDS) -> float | None:
    """Wait until the operator says that it is ready; another until it has read each active job once. None: it didn't."""

    async def has_read_all() -> bool:
        return bool((await stage.control("count"))["requests"] >= active)

    if not subject.tells_ready and not active:
        await stage.hold(_START_SECONDS)
        return None
    up = await stage.until(stage.is_ready if subject.tells_ready else has_read_all, seconds=cap)
    return time.time() - stage.started if up else None


async def is_seen(stage: Stage, **counts: int) -> bool:
    """Whether the watcher counts so many `objects`, or so many `submitted`."""
    seen = await stage.seen()
    return all(seen[what] == count for what, count in counts.items())


async def has_ended(stage: Stage, count: int) -> bool:
    """Whether the watcher sees the end of so many."""
    return bool((await stage.seen())["phases"].get("Succeeded", 0) >= count)


async def apply_one_by_one(stage: Stage, n: int) -> dict[str, float]:
    """Make SeedJobs with pauses between them, out of step with any timer; gives each one's time."""
    applied = {}
    for number in range(n):
        body = manifest(f"job-{number:06d}")
        applied[body["metadata"]["name"]] = time.time()
        await stage.create_seedjob(body)
        await asyncio.sleep(random.uniform(0.2, 0.4))  # noqa: S311  # no secret
    return applied


async def seconds_to_create(stage: Stage, applied: dict[str, float]) -> list[float]:
    """Give the sorted times until the platform had each one's job; remote names begin with the SeedJob's."""
    jobs = (await stage.control("ledger"))["jobs"]
    return sorted(job["created"] - applied[job["name"][: len("job-000000")]] for job in jobs)
