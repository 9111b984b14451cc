"""Holds a SeedConnection, by our finalizer, for as long as unfinished SeedJobs refer to it.

The finalizer is put on before the first job is submitted and taken off after the last one: what nobody uses is deleted at
once, also while no operator runs.
"""

import asyncio
import logging
from http import HTTPStatus

from seedjob_operator.controller.keys import Key
from seedjob_operator.controller.kubernetes import ConflictError, KubernetesError, NotFoundError, SeedObjects
from seedjob_operator.controller.store import Document, Store, precondition_of
from seedjob_operator.core.reasons import Reason
from seedjob_operator.core.snapshot import Hold
from seedjob_operator.resources import CONNECTION_FINALIZER

_log = logging.getLogger(__name__)
_NAMED = 5
_REFUSALS = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.UNPROCESSABLE_ENTITY})


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
    """Puts the finalizer on and takes it off, one write at a time."""

    def __init__(self, *, seedconnections: SeedObjects, connections: Store, jobs: Store) -> None:
        self._seedconnections = seedconnections
        self._connections = connections
        self._jobs = jobs
        self._writing = asyncio.Lock()
        self._let_go: dict[Key, str] = {}
        """The states from which the finalizer was taken off, or may have been: until a later one is known, nothing is held."""

    async def hold(self, key: Key) -> Hold | None:
        """Hold a connection before the first job that uses it is submitted; give why it can't be held.

        Raises:
            KubernetesError: the finalizer couldn't be written just now.
        """
        if self._holds(key):  # as of nearly every job: nobody has to wait for another's write
            return None
        async with self._writing:
            if self._holds(key):
                return None
            body = self._connections.get(key)
            if body is None or _is_deleted(body):  # Kubernetes takes no new finalizer then
                message = f"The SeedConnection {key.name} is being deleted: wait until it's gone, and create it anew."
                return Hold(reason=Reason.CONNECTION_NOT_READY, message=message)
            try:
                await self._write(key, body, [*_others(body), CONNECTION_FINALIZER])
            except KubernetesError as error:
                if error.status not in _REFUSALS:
                    raise
                return Hold(reason=Reason.CONNECTION_NOT_READY, message=f"{_refused(key.name)} {error}")
            self._let_go.pop(key, None)
            return None

    def _holds(self, key: Key) -> bool:
        body = self._connections.get(key)
        return body is not None and _is_held(body) and _version(body) != self._let_go.get(key)

    async def refresh(self, key: Key) -> None:
        """Hold a connection that is used, and no other; what fails is tried again in the next round."""
        async with self._writing:
            try:
                await self._refresh(key)
            except (ConflictError, NotFoundError):
                return  # the watch tells what it is now
            except KubernetesError as error:
                _log.warning("the finalizer of SeedConnection %s could not be written: %s", key, error)

    async def _refresh(self, key: Key) -> None:
        body = self._connections.get(key)
        if body is None:
            return
        used = bool(users(key, self._jobs))
        if _is_held(body) == used or (used and _is_deleted(body)):
            return
        if not used:
            self._let_go[key] = _version(body)
        await self._write(key, body, [*_others(body), *([CONNECTION_FINALIZER] if used else [])])

    async def _write(self, key: Key, body: Document, finalizers: list[str]) -> None:
        written = await self._seedconnections.patch_metadata(
            key, precondition=precondition_of(body), metadata={"finalizers": finalizers}
        )
        if not _is_deleted(written) or finalizers:
            self._connections.put(written)


def _refused(name: str) -> str:
    return (
        f"The operator may not put its finalizer on the SeedConnection {name}, without which it could be deleted from under "
        "its jobs: give the operator's ServiceAccount the right to patch seedconnections, or mend what refuses it:"
    )


def _others(body: Document) -> list[str]:
    return [name for name in body["metadata"].get("finalizers", ()) if name != CONNECTION_FINALIZER]


def _is_held(body: Document) -> bool:
    return CONNECTION_FINALIZER in body["metadata"].get("finalizers", ())


def _version(body: Document) -> str:
    version: str = body["metadata"]["resourceVersion"]
    return version


def _is_deleted(body: Document) -> bool:
    return "deletionTimestamp" in body["metadata"]
