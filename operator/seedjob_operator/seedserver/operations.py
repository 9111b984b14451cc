"""Names the operation that a request asks for."""

import re
from dataclasses import dataclass
from typing import Final

from seedjob_operator.seedapi import wire

SHIFT: Final = "seed.shift"
"""Key in a list's scope: how many jobs later than it should its page begins; a fault."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An operation, and whom it is about; the name is empty for list and create."""

    operation: str
    namespace: str
    name: str


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(template.replace("{namespace}", "(?P<namespace>[^/]+)").replace("{name}", "(?P<name>[^/]+)"))


_OPERATIONS = {
    "list": ("GET", _pattern(wire.LIST_JOBS)),
    "get": ("GET", _pattern(wire.GET_JOB)),
    "logs": ("GET", _pattern(wire.GET_LOGS)),
    "analytics": ("GET", _pattern(wire.GET_ANALYTICS)),
    "create": ("POST", _pattern(wire.CREATE_JOB)),
    "cancel": ("POST", _pattern(wire.CANCEL_JOB)),
    "delete": ("DELETE", _pattern(wire.DELETE_JOB)),
}
OPERATIONS = tuple(_OPERATIONS)


def operation_of(method: str, path: str) -> Asked | None:
    """Give the operation of a request; None for what the API doesn't have."""
    for operation, (expected, pattern) in _OPERATIONS.items():
        found = pattern.fullmatch(path) if method == expected else None
        if found is not None:
            parts = found.groupdict()
            return Asked(operation, parts["namespace"], parts.get("name") or "")
    return None
