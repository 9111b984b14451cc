"""Watches the Secrets and ConfigMaps that connections and waiting jobs refer to, one by one and without their contents.

The kubelet's way: a watch for each object, by name. The API server keeps an index for these, nobody needs `list`, and only
metadata are asked for, so that no value crosses the wire before a pass needs it.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable
from typing import Any, Literal, NamedTuple, Protocol

from seedjob_operator.controller.kubernetes import KubernetesError

_log = logging.getLogger(__name__)
MOST = 200
"""Streams at a time; what is referred to beyond them is found by the looks that grow from 2 to 60 seconds."""
_SHORTEST_PAUSE = 1.0
_LONGEST_PAUSE = 30.0


class Reference(NamedTuple):
    """A Secret or a ConfigMap that something refers to."""

    plural: Literal["secrets", "configmaps"]
    namespace: str
    name: str


class Watching(Protocol):
    """The part of the Kubernetes client that is used here."""

    def watch_named(self, path: str, name: str) -> AsyncIterator[dict[str, Any]]:
        """Give the changes of one object, metadata only, until the stream ends."""


class ReferenceWatch:
    """One stream for each object that is referred to now; `on_change` is called when one appears, changes or goes."""

    def __init__(self, kubernetes: Watching, *, on_change: Callable[[Reference], None], most: int = MOST) -> None:
        self._kubernetes = kubernetes
        self._on_change = on_change
        self._most = most
        self._streams: dict[Reference, asyncio.Task[None]] = {}
        self._versions: dict[Reference, str | None] = {}
        self._full = False

    def watch(self, wanted: set[Reference]) -> None:
        """Watch these and no others. Those that are watched stay; there are never more than `most`."""
        for reference in self._streams.keys() - wanted:
            self._streams.pop(reference).cancel()
            self._versions.pop(reference, None)
        room = self._most - len(self._streams)
        new = sorted(wanted - self._streams.keys())
        for reference in new[:room]:
            self._streams[reference] = asyncio.create_task(self._follow(reference), name=f"watch of {reference}")
        self._tell_if_full(left=len(new) - room)

    async def close(self) -> None:
        """End all streams."""
        streams = tuple(self._streams.values())
        self._streams.clear()
        for stream in streams:
            stream.cancel()
        await asyncio.gather(*streams, return_exceptions=True)

    def _tell_if_full(self, *, left: int) -> None:
        if left > 0 and not self._full:
            _log.warning("%d Secrets and ConfigMaps are watched; %d more are looked at now and then", self._most, left)
        self._full = left > 0

    async def _follow(self, reference: Reference) -> None:
        """Follow one object until cancelled; a stream that ends is opened again, later each time that it fails."""
        pause = _SHORTEST_PAUSE
        while True:
            try:
                async for event in self._kubernetes.watch_named(_path(reference), reference.name):
                    pause = _SHORTEST_PAUSE
                    self._take(reference, event)
            except KubernetesError as error:
                _log.info("the watch of %s %s/%s failed: %s", *reference, error)
                pause = min(2 * pause, _LONGEST_PAUSE)
            except Exception:  # noqa: BLE001  # one odd answer must not end the watch for good
                _log.exception("the watch of %s %s/%s met something odd", *reference)
                pause = _LONGEST_PAUSE
            await asyncio.sleep(pause * random.uniform(0.9, 1.1))  # noqa: S311  # jitter, no secret

    def _take(self, reference: Reference, event: dict[str, Any]) -> None:
        """Tell of a change; a stream that is opened again begins with what is known already."""
        if event["type"] not in {"ADDED", "MODIFIED", "DELETED"}:
            raise KubernetesError(f"the stream said {event['type']}")
        gone = event["type"] == "DELETED"
        version = None if gone else str(event["object"]["metadata"]["resourceVersion"])
        if reference in self._versions and self._versions[reference] == version:
            return
        self._versions[reference] = version
        self._on_change(reference)


def _path(reference: Reference) -> str:
    return f"/api/v1/namespaces/{reference.namespace}/{reference.plural}"
