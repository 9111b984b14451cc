"""What one measurement gave, as it stands in the JSON file."""

import dataclasses
from typing import Any

from benchmarks.staleness import Staleness


@dataclasses.dataclass(kw_only=True)
class Result:
    """One row's figures for one subject.

    Attributes:
        what: what `seconds` is the time of.
        seconds: None where it did not come to that.
        cpu_seconds: of the subject's process, over `over_seconds`.
        over_seconds: how long was measured.
        peak_megabytes: the largest resident size.
        writes: accepted and refused writes to Kubernetes by kind, by the API server's own count.
        requests: to the platform by operation, by the platform's count; refused ones too.
        refused: of these, how many were answered with 429.
        more: figures that only this row has.
    """

    row: str
    n: int
    subject: str
    what: str
    seconds: float | None
    cpu_seconds: float
    over_seconds: float
    peak_megabytes: float
    writes: dict[str, int] = dataclasses.field(default_factory=dict)
    requests: dict[str, int] = dataclasses.field(default_factory=dict)
    refused: int = 0
    staleness: Staleness | None = None
    more: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def cpu_milliseconds_per_job(self) -> float:
        """CPU time for each SeedJob."""
        return self.cpu_seconds * 1000.0 / max(self.n, 1)

    def writes_per_job(self, *kinds: str) -> float:
        """Accepted writes of some kinds for each SeedJob."""
        return sum(self.writes.get(kind, 0) for kind in kinds) / max(self.n, 1)
