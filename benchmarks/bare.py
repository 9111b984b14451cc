"""The floor beside a row: a bare watch, and as many bare writes for each SeedJob as the operator made."""

import dataclasses
import sys

from benchmarks import measuring
from benchmarks.jobs import Script
from benchmarks.result import Result
from benchmarks.row import Row, apply_one_by_one, seconds_to_create
from benchmarks.stage import Stage
from benchmarks.staleness import percentile
from benchmarks.subjects import FLOOR

_LONGEST_SECONDS = 600.0
_IDLE_SECONDS = 20.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Writes:
    """How many writes a job gets."""

    metadata: float
    status: float
    events: float

    @classmethod
    def of(cls, result: Result) -> "Writes":
        """Take those that the operator made."""
        return cls(
            metadata=result.writes_per_job("patch seedjobs"),
            status=result.writes_per_job("patch seedjobs/status"),
            events=result.writes_per_job("create events"),
        )

    @property
    def flags(self) -> list[str]:
        """As the floor's command line has them."""
        return [f"--{kind}={count}" for kind, count in dataclasses.asdict(self).items()]


async def measure(stage: Stage, row: Row, n: int, writes: Writes, *, concurrency: int) -> Result:
    """Measure the floor of a row."""
    await stage.prepare(Script())
    command = [sys.executable, "-m", "benchmarks.floor", str(stage.kubeconfig), f"--concurrency={concurrency}"]
    if row.name == "latency":
        return await _latency(stage, row, n, command)
    await stage.create_seedjobs(n)
    before = await stage.mark()
    await stage.start_command(FLOOR, [*command, *writes.flags])
    any_writes = any(dataclasses.asdict(writes).values())
    word = "done" if any_writes else "listed"
    done = await stage.until(lambda: _has_said(stage, word, n), seconds=_LONGEST_SECONDS)
    until = await stage.mark()
    what = "the same number of writes" if any_writes else "all listed"
    if not any_writes:
        await stage.hold(_IDLE_SECONDS)
    return await measuring.result(
        stage, row=row.name, n=n, subject=FLOOR, what=what, since=before, until=until,
        seconds=_moment(stage, word, n) - stage.started if done else None, more=dataclasses.asdict(writes),
    )  # fmt: skip


async def _latency(stage: Stage, row: Row, n: int, command: list[str]) -> Result:
    """One patch for the intent, then the create."""
    await stage.start_command(FLOOR, [*command, "--metadata=1", "--status=1", f"--platform={stage.platform}"])
    await stage.until(lambda: _has_said(stage, "listed", 0), seconds=30.0)
    await stage.hold(5.0)  # the API server, too, works on a while after its start
    before = await stage.mark()
    applied = await apply_one_by_one(stage, n)
    await stage.hold(1.0)
    until = await stage.mark()
    took = await seconds_to_create(stage, applied)
    return await measuring.result(
        stage, row=row.name, n=n, subject=FLOOR, what="median from apply to create", since=before, until=until,
        seconds=percentile(took, 0.5), more={"p50": percentile(took, 0.5), "p99": percentile(took, 0.99)},
    )  # fmt: skip


async def _has_said(stage: Stage, word: str, count: int) -> bool:
    return any(line.startswith(f"{word} ") and line.endswith(f" {count}") for line in _lines(stage))


def _moment(stage: Stage, word: str, count: int) -> float:
    told = [line.split() for line in _lines(stage) if line.startswith(f"{word} ") and line.endswith(f" {count}")]
    return float(told[-1][1])


def _lines(stage: Stage) -> list[str]:
    return stage.log.read_text().splitlines()
