"""The picture: `python -m benchmarks.plot RESULTS.json PICTURE.svg` draws how each subject grows with the SeedJobs."""

import itertools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.report import read_json
from benchmarks.subjects import FLOOR, OBVIOUS, OPERATOR

Results = list[dict[str, Any]]
_COLOURS = {OPERATOR: "#1f77b4", OBVIOUS: "#d62728", FLOOR: "#7f7f7f"}
_PANELS: tuple[tuple[str, Callable[[dict[str, Any]], float | None]], ...] = (
    ("until all are submitted, s", lambda result: result["seconds"]),
    ("CPU per SeedJob, ms", lambda result: result["cpu_seconds"] * 1000.0 / result["n"]),
    ("peak memory, MB", lambda result: result["peak_megabytes"]),
)


def draw(results: Results, path: Path) -> None:
    """Draw the `converge` rows into an SVG file."""
    import matplotlib as mpl  # noqa: PLC0415  # only `make bench` installs it

    mpl.use("svg")
    mpl.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "the same figures give the same file"}
    from matplotlib import pyplot as plt  # noqa: PLC0415  # after the choice above
    from matplotlib.ticker import LogLocator  # noqa: PLC0415

    figure, panels = plt.subplots(1, len(_PANELS), figsize=(11, 3.4), layout="constrained")
    for panel, (title, value) in zip(panels, _PANELS, strict=True):
        for subject, points in _by_subject(results).items():
            drawn = [(point["n"], value(point)) for point in points if value(point) is not None]
            panel.plot(*zip(*drawn, strict=True), marker="o", color=_COLOURS[subject], label=subject)
        panel.set(title=title, xlabel="SeedJobs", xscale="log", yscale="log")
        sizes = sorted({result["n"] for result in results if result["row"] == "converge"})
        panel.set_xticks(sizes, [f"{size:,}" for size in sizes], minor=False)
        panel.set_xticks([], minor=True)
        panel.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        panel.yaxis.set_major_formatter("{x:,g}")
        panel.yaxis.set_minor_formatter("")
        panel.grid(visible=True, which="both", alpha=0.2)
    panels[0].legend()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _by_subject(results: Results) -> dict[str, Results]:
    found = [result for result in results if result["row"] == "converge"]
    found.sort(key=lambda result: (result["subject"], result["n"]))
    grouped = itertools.groupby(found, key=lambda result: str(result["subject"]))
    return {subject: list(points) for subject, points in grouped}


if __name__ == "__main__":
    draw(read_json(Path(sys.argv[1])), Path(sys.argv[2]))
