"""What was measured of the local Seed server: the table and the JSON file."""

import json
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table


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


def print_table(figures: Sequence[Figure]) -> None:
    """Print what was measured beside what it should be."""
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


def write_json(path: Path, figures: Sequence[Figure]) -> None:
    """Put figures into a file, beside those of other rows; older ones of their rows are replaced."""
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
