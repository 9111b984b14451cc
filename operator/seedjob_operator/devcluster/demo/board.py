"""Shows the samples while they run: a live table on a terminal, a line for each change elsewhere."""

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from seedjob_operator.devcluster.demo.samples import SAMPLES

_COLOURS = {"Succeeded": "green", "Failed": "red", "TimedOut": "red", "Running": "cyan", "Cancelling": "yellow"}
_GONE = "gone"
_WIDE = 105

Statuses = Mapping[str, Mapping[str, Any] | None]
"""The status of each sample by name; None for one that is gone."""


def reason(status: Mapping[str, Any]) -> str:
    """Give the reason of Ready, as the Reason column shows it."""
    return next((one["reason"] for one in status.get("conditions", ()) if one["type"] == "Ready"), "")


class Board:
    """The view of the samples. Use it as a context manager."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()
        self._told: dict[str, tuple[str, ...]] = {}
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None

    def show(self, statuses: Statuses) -> None:
        """Show the samples as they are now."""
        if self._live is not None:
            self._live.update(table(statuses, wide=self._console.width >= _WIDE), refresh=True)
            return
        for sample in SAMPLES:
            cells = _cells(statuses.get(sample.name, {}))
            if self._told.get(sample.name) != cells:
                self._told[sample.name] = cells
                seconds = time.monotonic() - self._began
                self._console.print(
                    f"{seconds:5.1f} s  {sample.name:<10} {'  '.join(filter(None, cells))}", highlight=False
                )

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()


def table(statuses: Statuses, *, wide: bool) -> Table:
    """Give the table of all samples; a narrow terminal goes without what they are about."""
    headings = ["SeedJob", "Phase", "GPU", "Progress", "Cost", "Reason", *(["What it shows"] if wide else [])]
    shown = Table(*headings, header_style="bold")
    for sample in SAMPLES:
        phase, *others = _cells(statuses.get(sample.name, {}))
        about = [sample.about] if wide else []
        shown.add_row(sample.name, Text(phase, style=_COLOURS.get(phase, "")), *others, *about)
    return shown


def _cells(status: Mapping[str, Any] | None) -> tuple[str, str, str, str, str]:
    if status is None:
        return (_GONE, "", "", "", "")
    texts = (str(status.get(field) or "") for field in ("phase", "gpu", "progressText", "costText"))
    phase, gpu, progress, cost = texts
    return (phase or "new", gpu, progress, cost, reason(status))
