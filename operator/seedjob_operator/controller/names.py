"""Who announced or recorded which remote name, found without looking at all objects."""

import re
from collections.abc import Iterable

from seedjob_operator.controller.keys import Key

_OF_A_LATER_ATTEMPT = re.compile(r"(?P<chosen>.+)-\d+")


class NameIndex:
    """Objects by the remote names that they announced or recorded.

    Under a chosen name `nightly` the attempts are called `nightly`, `nightly-2` and so on: all are found by it. Generated names
    end like that as well, and somebody may choose what stands before their end.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[Key, ...]] = {}

    def replace(self, key: Key, before: Iterable[str], after: Iterable[str]) -> None:
        """Take in what names an object has now, and had."""
        old, new = _entries(before), _entries(after)
        for entry in old - new:
            left = tuple(other for other in self._known[entry] if other != key)
            if left:
                self._known[entry] = left
            else:
                del self._known[entry]
        for entry in new - old:
            self._known[entry] = (*self._known.get(entry, ()), key)

    def find(self, chosen: str) -> tuple[Key, ...]:
        """Give those that have a chosen name, or that of one of its later attempts."""
        return self._known.get(chosen, ())


def _entries(names: Iterable[str]) -> set[str]:
    entries = set(names)
    for name in names:
        later = _OF_A_LATER_ATTEMPT.fullmatch(name)
        if later is not None:
            entries.add(later["chosen"])
    return entries
