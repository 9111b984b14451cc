"""Between two marks: what a subject spent, by the independent counts of the API server and the platform."""

from collections import Counter
from typing import Any

from benchmarks import staleness
from benchmarks.result import Result
from benchmarks.stage import Mark, Stage
from benchmarks.staleness import Staleness

# The API server renews a Lease of its own, and the operator one every few seconds; SeedJobs are made and deleted by us.
_LEFT_OUT = ("leases", "create seedjobs", "delete seedjobs")


async def result(
    stage: Stage,
    *,
    row: str,
    n: int,
    subject: str,
    what: str,
    seconds: float | None,
    since: Mark,
    until: Mark | None = None,
    staleness_window: tuple[float, float] | None = None,
    whole_aftermath: bool = True,
    more: dict[str, Any] | None = None,
) -> Result:
    """Put a result together.

    CPU counts up to `until` where given. Writes and requests do too, unless the aftermath belongs to the same work.
    """
    now = await stage.mark()
    until = until or now
    last = now if whole_aftermath else until
    ledger = await stage.control("ledger")
    requests = [request for request in ledger["requests"] if since.time <= request[0] < last.time]
    return Result(
        row=row,
        n=n,
        subject=subject,
        what=what,
        seconds=seconds,
        cpu_seconds=until.cpu - since.cpu,
        over_seconds=until.time - since.time,
        peak_megabytes=stage.meter.peak_megabytes,
        writes=_difference(last.writes, since.writes),
        requests=dict(Counter(operation for _, operation, _ in requests)),
        refused=sum(status == 429 for _, _, status in requests),
        staleness=await _staleness(stage, ledger["jobs"], staleness_window, until=now.time),
        more=more or {},
    )


async def _staleness(
    stage: Stage, jobs: list[dict[str, Any]], window: tuple[float, float] | None, *, until: float
) -> Staleness | None:
    if window is None:
        return None
    return staleness.measure(jobs, await stage.observations(), window=window, until=until)


def _difference(after: dict[str, int], before: dict[str, int]) -> dict[str, int]:
    changes = {
        kind: count - before.get(kind, 0)
        for kind, count in after.items()
        if not any(word in kind for word in _LEFT_OUT)
    }
    return {kind: count for kind, count in sorted(changes.items()) if count}
