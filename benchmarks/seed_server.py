"""`python -m benchmarks.seed_server`: measure the local Seed server from another process, print a table, write JSON."""

import argparse
import asyncio
import json
import os
import platform
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import seed_clients
from benchmarks.seed_stage import NAMESPACE, Seed, seed_server
from seedjob_operator.seedapi import wire
from seedjob_operator.seedserver.admission import new_record
from seedjob_operator.seedserver.folders import Folders
from seedjob_operator.seedserver.launch import Launcher, start_supervisor
from seedjob_operator.seedserver.store import Store
from seedjob_operator.seedserver.supervisor.joblog import JobLog

_TICK_SECONDS = 0.02
_AT_ONCE = 8


@dataclass(frozen=True, kw_only=True)
class Figure:
    """What was measured, and what it should be at most (or at least)."""

    row: str
    what: str
    value: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def met(self) -> bool:
        """Whether it is as it should be."""
        too_much = self.at_most is not None and self.value > self.at_most
        return not too_much and (self.at_least is None or self.value >= self.at_least)


Row = Callable[[Path, argparse.Namespace], Coroutine[None, None, list[Figure]]]


async def lists_and_creates(folder: Path, options: argparse.Namespace) -> list[Figure]:
    """Ask for lists of 100 out of 10,000 jobs, and create jobs beside them, one after another."""
    await _fill(folder / "data", options.listed)
    async with seed_server(folder / "data") as seed:
        for query in ({"per_page": 100}, {"per_page": 100, "status": "succeeded", "sort": "name"}):
            await _median(seed, 20, wire.LIST_JOBS, query)  # warm
        plain = await _median(seed, options.times, wire.LIST_JOBS, {"per_page": 100})
        last = {"per_page": 100, "page": options.listed // 100}
        deep = await _median(seed, options.times, wire.LIST_JOBS, last)
        await seed.create("holder", "sleep 3600", gpu="L4", gpu_count=8)
        taken = []
        for number in range(options.times):
            began = time.perf_counter()
            answer = await seed.create(f"new-{number}", "true", gpu="L4")
            taken.append(time.perf_counter() - began)
            if answer.status != 201:  # created
                raise RuntimeError(f"a create was answered {answer}")
    create = statistics.median(taken) * 1000
    of = f"of {options.times}, beside {options.listed:,} jobs"
    return [
        Figure(
            row="list", what=f"the first 100 of {options.listed:,} jobs, median", value=plain, unit="ms", at_most=15
        ),
        Figure(row="list", what="the last 100 of them, median", value=deep, unit="ms", at_most=15),
        Figure(row="create", what=f"a job that has to wait, median {of}", value=create, unit="ms", at_most=10),
    ]


async def _fill(data: Path, count: int) -> None:
    """Write records of jobs that have ended."""
    folders = Folders(data)
    for path in (folders.root, folders.jobs):
        path.mkdir(parents=True)
    store, now = Store(folders.records), time.time_ns() // 1000
    for number in range(count):
        request = wire.CreateJob(name=f"old-{number:06}", command="true", image="x", gpu="none")
        record = new_record(NAMESPACE, request, now=now - (count - number) * 1_000_000)
        at = record.created_at
        ended = replace(record, status=wire.JobStatus.SUCCEEDED, started_at=at, resumed_at=at, completed_at=at)
        await store.add(replace(ended, exit_code=0))
    await store.close()


async def _median(seed: Seed, times: int, template: str, query: dict[str, Any]) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        await seed.ask("GET", template, query=query)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1000


async def runs(folder: Path, options: argparse.Namespace) -> list[Figure]:
    """Run jobs from queue to record, and start the same supervisors from a bare loop, alternating."""
    served, bare = [], []
    for turn in range(options.turns):
        bare.append(await asyncio.to_thread(_bare_loop, folder / f"bare-{turn}", options.runs))
        async with seed_server(folder / f"data-{turn}") as seed:
            began = time.perf_counter()
            await _create_all(seed, [f"job-{number}" for number in range(options.runs)])
            await seed.until_none_is_active()
            served.append(options.runs / (time.perf_counter() - began))
            if await seed.count("succeeded") != options.runs:
                raise RuntimeError("not all jobs have succeeded")
    rates = {"served_per_second": served, "bare_per_second": bare}
    ratio = statistics.median(served) / statistics.median(bare)
    what = f"{options.runs} jobs of /bin/true, as a part of the bare loop's rate"
    return [Figure(row="runs", what=what, value=ratio, unit="", at_least=0.5, more=rates)]


async def _create_all(seed: Seed, names: Sequence[str]) -> None:
    left = iter(names)

    async def one_client() -> None:
        for name in left:
            await seed.create(name, "/bin/true")

    await asyncio.gather(*(one_client() for _ in range(_AT_ONCE)))


def _bare_loop(folder: Path, count: int) -> float:
    """Start supervisors as the server does, some at a time; give how many a second."""
    launcher = Launcher(repos=None, git_config=folder / "gitconfig", grace_seconds=2, time_scale=1)
    request = wire.CreateJob(name="bare", command="/bin/true", image="x", gpu="none")
    began, running = time.perf_counter(), set[int]()
    for number in range(count):
        record = new_record(NAMESPACE, request, now=number)
        launcher.write_order(record, folder / record.id)
        if len(running) == _AT_ONCE:
            running.remove(_wait_for(running))
        running.add(start_supervisor(folder / record.id))
    while running:
        running.remove(_wait_for(running))
    return count / (time.perf_counter() - began)


def _wait_for(running: set[int]) -> int:
    while (pid := os.waitpid(-1, 0)[0]) not in running:
        continue
    return pid


async def followers(folder: Path, options: argparse.Namespace) -> list[Figure]:
    """Follow many jobs' logs. The lines are written by this process as a supervisor writes them: only readers count."""
    async with seed_server(folder / "data", "--inventory", str(_room(folder))) as seed:
        ids = {}
        for number in range(options.followers):
            ids[f"job-{number}"] = (await seed.create(f"job-{number}", "sleep 3600")).body["id"]
        await seed.until_running(options.followers)
        idle = await _cores(seed, options.window / 2)
        received = [0] * options.followers
        tasks = [asyncio.create_task(_follow(seed, name, received, place)) for place, name in enumerate(ids)]
        logs = [JobLog(str(seed.data / "jobs" / job_id / "log")) for job_id in ids.values()]
        feeding = asyncio.create_task(_feed(logs, options.lines))
        await asyncio.sleep(2)
        before = sum(received)
        busy = await _cores(seed, options.window)
        per_second = (sum(received) - before) / options.window / options.followers
        for task in (feeding, *tasks):
            task.cancel()
        await asyncio.gather(feeding, *tasks, return_exceptions=True)
    what = f"{options.followers} followers at {options.lines} lines/s each on as many jobs, the server's CPU"
    more = {"lines_per_second_each": per_second, "cores_with_the_jobs_alone": idle}
    return [Figure(row="followers", what=what, value=busy, unit="cores", at_most=1, more=more)]


def _room(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "room.yaml"
    file.write_text("regions:\n  us-east-1: {cpu: 1000, memory_gb: 10000}\n")
    return file


async def _cores(seed: Seed, seconds: float) -> float:
    began, before = time.monotonic(), seed.cpu_seconds()
    await asyncio.sleep(seconds)
    return (seed.cpu_seconds() - before) / (time.monotonic() - began)


async def _follow(seed: Seed, name: str, received: list[int], place: int) -> None:
    where = seed.url + wire.path(wire.GET_LOGS, namespace=NAMESPACE, name=name)
    async with seed.http.get(where, params={"stream": "true"}) as answer:
        async for chunk in answer.content.iter_any():
            received[place] += chunk.count(b"event: log")


async def _feed(logs: Sequence[JobLog], lines: int) -> None:
    """Write each log's lines one by one, spread over the time."""
    loop, written, began = asyncio.get_running_loop(), 0, asyncio.get_running_loop().time()
    while True:
        due = int((loop.time() - began) * lines)
        for _ in range(written, due):
            for log in logs:
                log.feed("0o", b"step 1200 of 90000, loss 0.1234, 512 tokens/s\n")
        written = due
        await asyncio.sleep(_TICK_SECONDS)


async def memory(folder: Path, options: argparse.Namespace) -> list[Figure]:
    """Run very many jobs, and look at the server's resident size between them."""
    sizes = {}
    async with seed_server(folder / "data") as seed:
        done = 0
        for mark in options.marks:
            await _create_all(seed, [f"job-{number}" for number in range(done, mark)])
            await seed.until_none_is_active()
            done, sizes[mark] = mark, seed.megabytes()
    marks = list(sizes)
    grown = sizes[marks[-1]] - sizes[marks[0]]
    what = f"the server's growth from {marks[0]:,} to {marks[-1]:,} jobs that ran"
    more = {"megabytes": {f"{mark:,}": round(size, 1) for mark, size in sizes.items()}}
    return [Figure(row="memory", what=what, value=grown, unit="MB", at_most=20, more=more)]


async def clients(folder: Path, options: argparse.Namespace) -> list[Figure]:
    """Let many clients do a bit of everything, and compare their books with the server's."""
    rng = random.Random(options.seed)  # noqa: S311  # to be repeated
    async with seed_server(folder / "data") as seed:
        books = await seed_clients.run(seed, clients=options.clients, seconds=options.seconds, rng=rng)
    answers = sum(books.answers.values())
    what = f"{options.clients:,} clients for {options.seconds:g} s, {answers:,} requests: lost, doubled or wrong"
    more = {"accepted": len(books.accepted), "answers": dict(sorted(books.answers.items())), "first": books.wrong[:5]}
    return [Figure(row="clients", what=what, value=len(books.wrong), unit="", at_most=0, more=more)]


ROWS: dict[str, Row] = {
    "list": lists_and_creates,
    "runs": runs,
    "followers": followers,
    "memory": memory,
    "clients": clients,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 1 where a figure isn't as it should be."""
    options = _parser().parse_args(arguments)
    if unknown := set(options.rows) - set(ROWS):
        sys.exit(f"seed_server: there is no row {', '.join(sorted(unknown))}: write some of {', '.join(ROWS)}")
    figures: list[Figure] = []
    folder = Path(tempfile.mkdtemp(prefix="seed-server-bench-"))
    try:
        for name in options.rows or ROWS:
            print(f"measuring: {name}", file=sys.stderr)
            figures += asyncio.run(ROWS[name](folder / name, options))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _print(figures)
    _write(options.json, figures)
    return 0 if all(figure.met for figure in figures) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.seed_server", description=__doc__)
    add = parser.add_argument
    add("rows", nargs="*", metavar="ROW", help=f"some of {', '.join(ROWS)} (left out: all)")
    add("--listed", type=int, default=10_000, help="jobs to list from (default: %(default)s)")
    add("--times", type=int, default=300, help="lists and creates to take the median of (default: %(default)s)")
    add("--runs", type=int, default=500, help="jobs to run in a turn (default: %(default)s)")
    add("--turns", type=int, default=3, help="turns of server and bare loop (default: %(default)s)")
    add("--followers", type=int, default=200, help="default: %(default)s")
    add("--lines", type=int, default=50, help="lines a second of each job (default: %(default)s)")
    add("--window", type=float, default=20, help="seconds to follow (default: %(default)s)")
    add("--marks", type=int, nargs="+", default=[1_000, 5_000, 20_000], help="jobs after which to look at the memory")
    add("--clients", type=int, default=1_000, help="default: %(default)s")
    add("--seconds", type=float, default=60, help="how long clients ask (default: %(default)s)")
    add("--seed", type=int, default=1, help="of the clients' choices (default: %(default)s)")
    add("--json", type=Path, default=Path(".bench/seed-server.json"), help="default: %(default)s")
    return parser


def _print(figures: Sequence[Figure]) -> None:
    table = Table("row", "what", "measured", "should be", "more")
    for figure in figures:
        bound = f"at most {figure.at_most:g}" if figure.at_most is not None else f"at least {figure.at_least:g}"
        value = f"{figure.value:.3g} {figure.unit}".strip() + ("" if figure.met else "  MISSED")
        table.add_row(figure.row, figure.what, value, f"{bound} {figure.unit}".strip(), _short(figure.more))
    console = Console()
    (console if console.is_terminal else Console(width=200)).print(table)


def _short(more: dict[str, Any]) -> str:
    def text(value: Any) -> str:
        if isinstance(value, list):
            return " ".join(map(text, value)) or "-"
        return f"{value:.3g}" if isinstance(value, float) else str(value)

    return "\n".join(f"{key}: {text(value)}" for key, value in more.items())


def _write(path: Path, figures: Sequence[Figure]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    about = {
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "load": os.getloadavg()[0],
    }
    kept = json.loads(path.read_text())["figures"] if path.exists() else []
    measured = {figure.row for figure in figures}
    rows = [figure for figure in kept if figure["row"] not in measured]
    rows += [asdict(figure) | {"met": figure.met, "about": about} for figure in figures]
    path.write_text(json.dumps({"figures": rows}, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
