"""Which objects this replica is for: its shard's, and those with the labels that it was told."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from seedjob_operator.core.shard import Shard


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scope:
    """A shard of the objects that carry all of some labels."""

    shard: Shard = dataclasses.field(default_factory=Shard)
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def covers(self, body: Mapping[str, Any]) -> bool:
        """Tell whether an object is this replica's to act on."""
        metadata = body["metadata"]
        return self.shard.has(metadata["uid"]) and self.labels.items() <= (metadata.get("labels") or {}).items()
