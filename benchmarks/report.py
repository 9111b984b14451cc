"""The table and the JSON file."""

import dataclasses
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.result import Result

_COLUMNS = (
    "row", "N", "subject", "time", "what", "CPU s", "over s", "CPU ms/job", "peak MB", "writes/job", "writes",
    "requests", "429", "stale p50/p99", "more",
)  # fmt: skip


def print_table(results: Iterable[Result]) -> None:
    """Print all results."""
    table = Table(*_COLUMNS)
    for result in results:
        table.add_row(*_cells(result))
    Console(width=None if Console().is_terminal else 260).print(table)


def _cells(result: Result) -> list[str]:
    stale = result.staleness
    writes = sum(count for kind, count in result.writes.items() if "seedjobs" in kind) / max(result.n, 1)
    return [
        result.row,
        f"{result.n:,}",
        result.subject,
        "never" if result.seconds is None else f"{result.seconds:.3g} s",
        result.what,
        f"{result.cpu_seconds:.2f}",
        f"{result.over_seconds:.1f}",
        f"{result.cpu_milliseconds_per_job:.2f}",
        f"{result.peak_megabytes:.0f}",
        f"{writes:.2f}",
        _counts(result.writes),
        _counts(result.requests),
        str(result.refused),
        "" if stale is None else f"{stale.p50:.1f}/{stale.p99:.1f} s ({stale.changes}, {stale.unseen} unseen)",
        ", ".join(f"{key} {_short(value)}" for key, value in result.more.items()),
    ]


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{kind} {count}" for kind, count in counts.items())


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
