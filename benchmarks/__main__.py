"""`python -m benchmarks`: measure rows, print the table, write the JSON file and the plot."""

import argparse
import asyncio
import dataclasses
import io
import os
import platform
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import aiohttp

from benchmarks import bare, report, rows
from benchmarks.result import Result
from benchmarks.row import Row
from benchmarks.stage import Stage
from benchmarks.subjects import FLOOR, OBVIOUS, OPERATOR, SUBJECTS
from seedjob_operator.devcluster.assets import Assets, ensure_assets
from seedjob_operator.devcluster.console import Console, terminal
from seedjob_operator.devcluster.errors import DevClusterError

_INTERRUPTED = 130
_FAILED = 1
_SUBJECTS = (OPERATOR, OBVIOUS, FLOOR)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 130 after Ctrl-C."""
    options = _parser().parse_args(arguments)
    # Also where whoever started this ignored it, as a shell's `&` does; asyncio then cancels, and all that runs is stopped.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    progress = terminal()
    session = Session(options, progress)
    failed = False
    try:
        failed = not asyncio.run(session.run())
    except KeyboardInterrupt:
        progress.say("stopped")
        return _INTERRUPTED
    finally:
        session.close(keep=failed)
    return _FAILED if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure the operator beside two yardsticks: the obvious kopf operator, and the floor.",
        epilog="rows: " + "; ".join(f"{row.name}: {row.about}" for row in rows.ALL.values()),
    )
    parser.add_argument("rows", nargs="*", metavar="ROW", help="which rows (left out: all)")
    parser.add_argument("--n", type=_numbers, default=(), help="numbers of SeedJobs, such as 100,1000")
    parser.add_argument("--subjects", type=_names, default=_SUBJECTS, help=f"of {','.join(_SUBJECTS)} (left out: all)")
    parser.add_argument("--window", type=float, help="seconds to measure, of rows that measure for a time")
    parser.add_argument("--concurrency", type=int, default=12, help="the floor's connections (default: %(default)s)")
    parser.add_argument(
        "--json",
        type=Path,
        default=Path(".bench/results.json"),
        help="where results go, beside those of other rows (default: %(default)s)",
    )
    parser.add_argument("--plot", type=Path, help="an SVG file to draw them into")
    parser.add_argument("--keep", action="store_true", help="keep the processes' logs, and say where they are")
    return parser


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.replace(" ", ",").split(",") if part)


def _names(text: str) -> tuple[str, ...]:
    names = tuple(part for part in text.replace(" ", ",").split(",") if part)
    if unknown := set(names) - set(_SUBJECTS):
        raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: write some of {','.join(_SUBJECTS)}")
    return names


class Session:
    """One run of the command."""

    def __init__(self, options: argparse.Namespace, progress: Console) -> None:
        self._options = options
        self._progress = progress
        self._directory = Path(tempfile.mkdtemp(prefix="seedjob-bench-"))
        self._results: list[Result] = []
        self._failures: list[str] = []

    async def run(self) -> bool:
        """Measure all that is asked for; False where something couldn't be measured."""
        chosen = self._rows()
        assets = ensure_assets(progress=self._progress)
        for row in chosen:
            for n in self._options.n or row.sizes:
                await self._measure(assets, row, n)
        report.print_tables(self._results)
        if self._options.plot and self._results:
            from benchmarks import plot  # noqa: PLC0415  # its library is asked for only here

            plot.draw(report.read_json(self._options.json), self._options.plot)
        for failure in self._failures:
            self._progress.say(f"not measured: {failure}")
        return not self._failures

    def _rows(self) -> list[Row]:
        unknown = [name for name in self._options.rows if name not in rows.ALL]
        if unknown:
            sys.exit(f"benchmarks: there is no row {', '.join(unknown)}: write some of {', '.join(rows.ALL)}")
        chosen = [rows.ALL[name] for name in self._options.rows or rows.ALL]
        if self._options.window is not None:
            chosen = [dataclasses.replace(row, window=self._options.window) for row in chosen]
        return chosen

    async def _measure(self, assets: Assets, row: Row, n: int) -> None:
        writes = bare.Writes(metadata=1, status=1, events=0)
        for name in self._options.subjects:
            if name == FLOOR and not row.floor:
                continue
            result = await self._guarded(assets, row, n, name, writes)
            if result is None:
                continue
            self._results.append(result)
            if name == OPERATOR:
                writes = bare.Writes.of(result)
            report.write_json(self._options.json, result, about=_about())

    async def _guarded(self, assets: Assets, row: Row, n: int, name: str, writes: bare.Writes) -> Result | None:
        """Measure one subject; a failure is told in the end, and the others are measured all the same."""
        self._progress.say(f"{row.name}, {n:,} SeedJobs: {name}")
        directory = self._directory / f"{row.name}-{n}-{name}"
        try:
            async with Stage.open(assets, directory, Console(io.StringIO())) as stage:
                if name == FLOOR:
                    return await bare.measure(stage, row, n, writes, concurrency=self._options.concurrency)
                return await row.measure(stage, SUBJECTS[name], n, row)
        except (DevClusterError, RuntimeError, aiohttp.ClientError, TimeoutError, ExceptionGroup) as error:
            self._failures.append(f"{row.name}, {n:,} SeedJobs, {name}: {type(error).__name__} {error}")
            return None

    def close(self, *, keep: bool) -> None:
        """Remove the logs, unless they are wanted."""
        if keep or self._options.keep:
            self._progress.say(f"logs are in {self._directory}")
        else:
            shutil.rmtree(self._directory, ignore_errors=True)


def _about() -> dict[str, object]:
    return {
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
    }


if __name__ == "__main__":
    sys.exit(main())
