"""What is asked of all objects at once: a few facts of each, so that nobody has to read thousands of documents."""

import sys
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from seedjob_operator.core.intent import Intent
from seedjob_operator.core.reasons import Reason
from seedjob_operator.resources import FINALIZER, INTENT_ANNOTATION, TERMINAL_PHASES, ConditionType

Document = Mapping[str, Any]
_HELD_BY_A_REFERENCE = frozenset(
    {
        Reason.SECRET_NOT_FOUND,
        Reason.SECRET_KEY_MISSING,
        Reason.CONFIG_MAP_NOT_FOUND,
        Reason.CONFIG_MAP_KEY_MISSING,
        Reason.ENVIRONMENT_UNREADABLE,
    }
)


class Outline(NamedTuple):
    """An object in outline.

    Attributes:
        uid: whose outline it is.
        version: the resourceVersion, which grows.
        phase: a SeedJob's phase, None before it has one.
        connections: the SeedConnections that the spec names and that the attempt runs on.
        names: the remote jobs that it recorded or announced.
        ids: the remote jobs that it recorded, by the platform's ids.
        unfinished: it has yet to end, or to be cleaned up.
        waits_for_reference: it is held by a Secret or ConfigMap.
    """

    uid: str
    version: int
    phase: str | None
    connections: tuple[str, ...]
    names: tuple[str, ...]
    ids: tuple[str, ...]
    unfinished: bool
    waits_for_reference: bool


def outline_of(body: Document) -> Outline:
    """Read an object's outline."""
    metadata, status = body["metadata"], body["status"]
    phase = status.get("phase")
    return Outline(
        uid=metadata["uid"],
        # Whole numbers that grow, by the API conventions since Kubernetes 1.35.
        version=int(metadata["resourceVersion"]),
        phase=None if phase is None else sys.intern(phase),
        connections=tuple(sorted({sys.intern(name) for name in _connections(body) if name})),
        names=tuple(sorted(set(_names(body)))),
        ids=tuple(str(attempt["jobId"]) for attempt in _attempts(body) if "jobId" in attempt),
        unfinished=_is_unfinished(metadata, phase),
        waits_for_reference=any(
            condition.get("type") == ConditionType.SUBMITTED and condition.get("reason") in _HELD_BY_A_REFERENCE
            for condition in status.get("conditions") or ()
        ),
    )


def _connections(body: Document) -> Iterator[str | None]:
    named = body["spec"].get("connectionRef")
    yield named.get("name") if isinstance(named, Mapping) else None
    yield body["status"].get("connection")


def _names(body: Document) -> Iterator[str]:
    for attempt in _attempts(body):
        if "jobName" in attempt:
            yield str(attempt["jobName"])
    intent = Intent.parse(body["metadata"]["annotations"].get(INTENT_ANNOTATION))
    if intent is not None:
        yield intent.job_name


def _attempts(body: Document) -> tuple[Document, ...]:
    """Give all that the status says of attempts: the one in force, and the earlier ones."""
    status = body["status"]
    return (status, *status.get("attempts", ()), *status.get("olderJobs", ()))


def _is_unfinished(metadata: Document, phase: str | None) -> bool:
    if "deletionTimestamp" in metadata:
        return FINALIZER in metadata.get("finalizers", ())
    return phase not in TERMINAL_PHASES
