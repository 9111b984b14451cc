"""The table and the JSON file."""

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.result import Result

_NO_TERMINAL_WIDTH = 160


def print_tables(results: Sequence[Result]) -> None:
    """Print what each took, and what each wrote and asked."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=_NO_TERMINAL_WIDTH)
    console.print(
        _table(results, _cost, "time", "what", "CPU s", "of a core", "CPU ms/job", "peak MB", "stale p50, p99", "more")
    )
    console.print(_table(results, _traffic, "writes/job", "writes to Kubernetes", "requests to the platform", "429"))


def _table(results: Sequence[Result], cells: Callable[[Result], list[str]], *columns: str) -> Table:
    table = Table("row", "N", "subject", *columns)
    for index, result in enumerate(results):
        last = index + 1 == len(results) or (results[index + 1].row, results[index + 1].n) != (result.row, result.n)
        table.add_row(result.row, f"{result.n:,}", result.subject, *cells(result), end_section=last)
    return table


def _cost(result: Result) -> list[str]:
    stale = result.staleness
    return [
        "never" if result.seconds is None else f"{result.seconds:.3g} s",
        result.what,
        f"{result.cpu_seconds:.2f}",
        f"{result.cpu_seconds / result.over_seconds:.1%}",
        f"{result.cpu_milliseconds_per_job:.2f}",
        f"{result.peak_megabytes:.0f}",
        "" if stale is None else f"{stale.p50:.1f}, {stale.p99:.1f} s ({stale.unseen} of {stale.changes} unseen)",
        ", ".join(f"{key} {_short(value)}" for key, value in result.more.items()),
    ]


def _traffic(result: Result) -> list[str]:
    written = sum(count for kind, count in result.writes.items() if "seedjobs" in kind)
    return [
        f"{written / max(result.n, 1):.2f}",
        _counts(result.writes),
        _counts(result.requests),
        str(result.refused),
    ]


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{kind} {count:,}" for kind, count in counts.items())


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def write_json(path: Path, result: Result, *, about: Mapping[str, Any]) -> None:
    """Add a result, with what it was measured on, to those in a file; an older one of its kind is replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = [other for other in read_json(path) if _kind(other) != (result.row, result.n, result.subject)]
    results = [*kept, dataclasses.asdict(result) | {"about": dict(about)}]
    path.write_text(json.dumps({"results": results}, indent=1) + "\n")


def _kind(result: Mapping[str, Any]) -> tuple[str, int, str]:
    return result["row"], result["n"], result["subject"]


def read_json(path: Path) -> list[dict[str, Any]]:
    """Read the results in a file, none where there is none."""
    if not path.exists():
        return []
    results: list[dict[str, Any]] = json.loads(path.read_text())["results"]
    return results
