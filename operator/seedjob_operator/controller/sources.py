"""Reads the Secrets and ConfigMaps that jobs and connections refer to, when they are needed.

Nothing is kept longer than `KEEP` seconds, and nothing of it is ever logged.
"""

import base64
import binascii
from collections.abc import Mapping

from seedjob_operator.controller.clock import Clock
from seedjob_operator.controller.keys import Key
from seedjob_operator.controller.kubernetes import Kubernetes, NotFoundError
from seedjob_operator.core.environment import Sources, references
from seedjob_operator.resources import JobSpec

KEEP = 10.0
"""Seconds for which a connection's Secret may serve without being read again."""


class SourceReader:
    """Reads data of Secrets and ConfigMaps of one Kubernetes namespace at a time."""

    def __init__(self, kubernetes: Kubernetes, clock: Clock) -> None:
        self._kubernetes = kubernetes
        self._clock = clock
        self._kept: dict[tuple[str, str], tuple[float, Mapping[str, str]]] = {}
        self._lacked: dict[Key, tuple[str, frozenset[str]]] = {}

    async def for_job(self, namespace: str, job: JobSpec) -> Sources:
        """Read all that a job's environment refers to.

        Raises:
            KubernetesError: the Kubernetes API didn't answer, or doesn't let us.
        """
        secrets, config_maps = references(job)
        return Sources(
            secrets={name: await self.secret(namespace, name) for name in sorted(secrets)},
            config_maps={name: await self._config_map(namespace, name) for name in sorted(config_maps)},
        )

    def note_lacking(self, key: Key, uid: str, read: Sources) -> None:
        """Remember which (optional) Secrets weren't there when a job's environment was built: nothing of them was sent."""
        self._lacked[key] = (uid, absent_secrets(read))

    def all_known(self, key: Key, uid: str, read: Sources) -> bool:
        """Tell whether every Secret whose values may have been sent can still be read.

        One that is absent now may have been there when the job was submitted, unless this process knows better.
        """
        known = self._lacked.get(key, ("", frozenset()))
        return absent_secrets(read) <= (known[1] if known[0] == uid else frozenset())

    def forget_job(self, key: Key) -> None:
        """Drop what was remembered of a SeedJob that is gone."""
        self._lacked.pop(key, None)

    async def secret(self, namespace: str, name: str) -> Mapping[str, str] | None:
        """Read a Secret's data, decoded; None where there is none."""
        try:
            body = await self._kubernetes.get(f"/api/v1/namespaces/{namespace}/secrets/{name}")
        except NotFoundError:
            return None
        return {key: _decoded(value) for key, value in (body.get("data") or {}).items()}

    async def kept_secret(self, namespace: str, name: str) -> Mapping[str, str] | None:
        """Read a Secret, or take what was read a moment ago: each pass over each job asks for its connection's."""
        now = self._clock.monotonic()
        known = self._kept.get((namespace, name))
        if known is not None and now - known[0] < KEEP:
            return known[1]
        data = await self.secret(namespace, name)
        self._kept = {place: kept for place, kept in self._kept.items() if now - kept[0] < KEEP}
        if data is not None:
            self._kept[namespace, name] = (now, data)
        return data

    def forget(self, namespace: str, name: str) -> None:
        """Read a Secret anew next time: what it said didn't work."""
        self._kept.pop((namespace, name), None)

    async def _config_map(self, namespace: str, name: str) -> Mapping[str, str] | None:
        try:
            body = await self._kubernetes.get(f"/api/v1/namespaces/{namespace}/configmaps/{name}")
        except NotFoundError:
            return None
        return {key: str(value) for key, value in (body.get("data") or {}).items()}


def absent_secrets(read: Sources) -> frozenset[str]:
    """Name the Secrets that aren't there."""
    return frozenset(name for name, data in read.secrets.items() if data is None)


def _decoded(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode("utf-8", errors="surrogateescape")
    except (binascii.Error, ValueError):
        return ""
