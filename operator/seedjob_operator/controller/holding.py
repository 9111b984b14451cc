"""Holds a SeedConnection, by our finalizer, for as long as unfinished SeedJobs refer to it.

The finalizer is put on at the first use and taken off after the last one: what nobody uses is deleted at once, also while
no operator runs.
"""

import logging

from seedjob_operator.controller.keys import Key
from seedjob_operator.controller.kubernetes import ConflictError, KubernetesError, NotFoundError, SeedObjects
from seedjob_operator.controller.store import Document, Store, precondition_of
from seedjob_operator.resources import CONNECTION_FINALIZER

_log = logging.getLogger(__name__)
_NAMED = 5


def users(connection: Key, jobs: Store) -> list[str]:
    """Name the SeedJobs that refer to a connection and haven't ended, or have yet to be cleaned up; in order."""
    found = [
        key.name
        for key, outline in jobs.outlines_everywhere()
        if outline.unfinished and key.namespace == connection.namespace and connection.name in outline.connections
    ]
    return sorted(found)


def waits_for(names: list[str]) -> str:
    """Say for whom a connection that is to be deleted waits, and what ends the wait."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return (
        f"Its deletion waits for the unfinished SeedJobs {', '.join(names[:_NAMED])}{more}: "
        "wait until they end, or cancel or delete them."
    )


class Holder:
    """Puts the finalizer on and takes it off."""

    def __init__(self, *, seedconnections: SeedObjects, connections: Store, jobs: Store) -> None:
        self._seedconnections = seedconnections
        self._connections = connections
        self._jobs = jobs

    async def refresh(self, key: Key) -> None:
        """Hold a connection that is used, and no other; what fails is tried again in the next round."""
        body = self._connections.get(key)
        if body is None:
            return
        used, finalizers = bool(users(key, self._jobs)), list(body["metadata"].get("finalizers", ()))
        held, deleting = CONNECTION_FINALIZER in finalizers, "deletionTimestamp" in body["metadata"]
        if held == used or (used and deleting):  # Kubernetes takes no new finalizer once it is to be deleted
            return
        others = [name for name in finalizers if name != CONNECTION_FINALIZER]
        await self._write(key, body, [*others, CONNECTION_FINALIZER] if used else others)

    async def _write(self, key: Key, body: Document, finalizers: list[str]) -> None:
        try:
            written = await self._seedconnections.patch_metadata(
                key, precondition=precondition_of(body), metadata={"finalizers": finalizers}
            )
        except (ConflictError, NotFoundError):
            return  # the watch tells what it is now
        except KubernetesError as error:
            _log.warning("the finalizer of SeedConnection %s could not be written: %s", key, error)
            return
        if "deletionTimestamp" not in written["metadata"] or finalizers:
            self._connections.put(written)
