"""Reads a stored spec as far as it can be read: the CRD in the cluster may be another version's than these models."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from seedjob_operator.resources.seedjob import SeedJobSpec

_NO_JOB: Final = {"image": "unreadable", "command": "unreadable", "gpu": {"type": "none"}}
"""Stands where a job can't be read; it's never sent."""


class Unreadable(NamedTuple):
    """What of a spec can't be read: the names of its fields, and a sentence for the user."""

    fields: frozenset[str]
    message: str


def read_spec(raw: object) -> tuple[SeedJobSpec, Unreadable | None]:
    """Read a spec, and say what had to be left out of it: a whole field of the spec for anything odd in it."""
    try:
        return SeedJobSpec.model_validate(raw), None
    except ValidationError as error:
        complaints = error.errors(include_url=False, include_context=False, include_input=False)
    document: dict[str, Any] = raw if isinstance(raw, dict) else {}
    fields = frozenset(str(complaint["loc"][0]) for complaint in complaints if complaint["loc"])
    kept = {name: value for name, value in document.items() if name not in fields}
    where = ".".join(("spec", *(str(part) for part in complaints[0]["loc"])))
    message = (
        f"{where} can't be read ({complaints[0]['msg']}): install the CRDs of this operator's version, and correct what "
        "they refuse."
    )
    return SeedJobSpec.model_validate({"job": _NO_JOB} | kept), Unreadable(fields, message)
