"""Shards: which of several operators that split all objects between them acts on one."""

import dataclasses
import hashlib
import re
from collections.abc import Iterable
from typing import Self

_LEASE_OF_SHARD = re.compile(r"(?P<base>.+)-(?P<index>\d+)-of-(?P<count>\d+)")


@dataclasses.dataclass(frozen=True)
class Shard:
    """One of `count` parts of all objects, split by a hash of their UIDs."""

    index: int = 0
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `0/4`.

        Raises:
            ValueError: it isn't that; the message says what to write.
        """
        index, _, count = text.partition("/")
        if not (index.isdecimal() and count.isdecimal() and int(index) < int(count)):
            raise ValueError("write INDEX/COUNT, such as 0/4, 1/4, 2/4 and 3/4 for four shards")
        return cls(int(index), int(count))

    def has(self, uid: str) -> bool:
        """Tell whether an object belongs to this shard."""
        digest = hashlib.sha256(uid.encode()).digest()
        return int.from_bytes(digest[:8], "big") % self.count == self.index

    def lease_name(self, base: str) -> str:
        """Give the name of this shard's Lease: the only shard has the plain one."""
        return base if self.count == 1 else f"{base}-{self.index}-of-{self.count}"

    def rivals(self, base: str, leases: Iterable[str]) -> list[str]:
        """Give those of some Leases that stand for the same objects split otherwise: both may never act at a time."""
        return [name for name in leases if _count_of(name, base) not in {None, self.count}]


def _count_of(lease: str, base: str) -> int | None:
    """Give how many shards there are where this Lease's holder is one of them; None for a Lease of something else."""
    if lease == base:
        return 1
    found = _LEASE_OF_SHARD.fullmatch(lease)
    return int(found["count"]) if found is not None and found["base"] == base else None
