"""Reads the Secrets and ConfigMaps that jobs and connections refer to, when they are needed.

Nothing is kept longer than `KEEP` seconds, and nothing of it is ever logged.
"""

import asyncio
import base64
import binascii
from collections.abc import Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, NamedTuple

from seedjob_operator.controller.clock import Clock
from seedjob_operator.controller.kubernetes import Kubernetes, KubernetesError, NotFoundError
from seedjob_operator.core.environment import Sources, references
from seedjob_operator.core.question import CLOCKS_DIFFER
from seedjob_operator.resources import JobSpec

KEEP = 10.0
"""Seconds for which a Secret may serve without being read again, where many passes ask for it."""
_UNREADABLE_FOR = 8.0
"""Seconds for which a Secret that couldn't be read for masking isn't tried again: each job that has it would wait for it in
turn, and other jobs' cancels behind them. Less than an ended job's first late look takes."""
_SETTLED = CLOCKS_DIFFER + timedelta(seconds=10)
"""How long ago data must have been written for the time of it to tell them from others: it's noted in whole seconds, and
by Kubernetes' clock."""
_DATA = frozenset({"f:data", "f:stringData"})


class Secret(NamedTuple):
    """A Secret's data, decoded, and what tells this state of it, and of its data where that is known, from another."""

    data: Mapping[str, str]
    version: str
    written: str | None


class SourceReader:
    """Reads data of Secrets and ConfigMaps of one Kubernetes namespace at a time."""

    def __init__(self, kubernetes: Kubernetes, clock: Clock) -> None:
        self._kubernetes = kubernetes
        self._clock = clock
        self._kept: dict[tuple[str, str], tuple[float, Secret]] = {}
        self._unreadable_until: dict[tuple[str, str], float] = {}

    async def for_job(self, namespace: str, job: JobSpec) -> Sources:
        """Read all that a job's environment refers to.

        Raises:
            KubernetesError: the Kubernetes API didn't answer, or doesn't let us.
        """
        names, config_maps = references(job)
        return _sources(
            {name: await self._secret(namespace, name) for name in sorted(names)},
            {name: await self._config_map(namespace, name) for name in sorted(config_maps)},
        )

    async def secrets_of(self, namespace: str, job: JobSpec) -> Sources:
        """Read the Secrets that a job's environment refers to, or take what was read, or failed to be, a moment ago.

        Raises:
            KubernetesError: as `for_job`.
        """
        names, _ = references(job)
        return _sources({name: await self._readable_secret(namespace, name) for name in sorted(names)}, {})

    async def kept_secret(self, namespace: str, name: str) -> Mapping[str, str] | None:
        """Read a Secret's data, or take what was read a moment ago: each pass over each job asks for its connection's."""
        secret = await self._kept_secret(namespace, name)
        return None if secret is None else secret.data

    async def _readable_secret(self, namespace: str, name: str) -> Secret | None:
        place = (namespace, name)
        if self._clock.monotonic() < self._unreadable_until.get(place, 0.0):
            raise KubernetesError(f"the Secret {name} couldn't be read a moment ago")
        try:
            secret = await self._kept_secret(namespace, name)
        except (KubernetesError, asyncio.CancelledError) as error:  # whoever waited long enough cancels
            if not isinstance(error, KubernetesError) or error.status != HTTPStatus.FORBIDDEN:
                self._unreadable_until[place] = self._clock.monotonic() + _UNREADABLE_FOR
            raise
        self._unreadable_until.pop(place, None)
        return secret

    async def _kept_secret(self, namespace: str, name: str) -> Secret | None:
        now = self._clock.monotonic()
        known = self._kept.get((namespace, name))
        if known is not None and now - known[0] < KEEP:
            return known[1]
        secret = await self._secret(namespace, name)
        self._kept = {place: kept for place, kept in self._kept.items() if now - kept[0] < KEEP}
        if secret is not None:
            self._kept[namespace, name] = (now, secret)
        return secret

    async def _secret(self, namespace: str, name: str) -> Secret | None:
        """Read a Secret; None where there is none."""
        try:
            body = await self._kubernetes.get(f"/api/v1/namespaces/{namespace}/secrets/{name}")
        except NotFoundError:
            return None
        metadata = body["metadata"]
        data = {key: _decoded(value) for key, value in (body.get("data") or {}).items()}
        written = _written(metadata, now=self._clock.now())
        return Secret(data, f"{metadata['uid']}/{metadata['resourceVersion']}", written)

    def forget(self, namespace: str, name: str) -> None:
        """Read a Secret anew next time: what it said didn't work."""
        self._kept.pop((namespace, name), None)

    async def _config_map(self, namespace: str, name: str) -> Mapping[str, str] | None:
        try:
            body = await self._kubernetes.get(f"/api/v1/namespaces/{namespace}/configmaps/{name}")
        except NotFoundError:
            return None
        return {key: str(value) for key, value in (body.get("data") or {}).items()}


def _sources(secrets: Mapping[str, Secret | None], config_maps: Mapping[str, Mapping[str, str] | None]) -> Sources:
    return Sources(
        secrets={name: None if secret is None else secret.data for name, secret in secrets.items()},
        versions={name: secret.version for name, secret in secrets.items() if secret is not None},
        written={name: secret.written for name, secret in secrets.items() if secret is not None and secret.written},
        config_maps=config_maps,
    )


def _written(metadata: Mapping[str, Any], *, now: datetime) -> str | None:
    """Say who wrote which data last, and when; None where Kubernetes didn't note it, or notes just now.

    Every change of a value renews the time of its writer; a change of labels by others doesn't.
    """
    noted = [entry for entry in metadata.get("managedFields") or () if _DATA & (entry.get("fieldsV1") or {}).keys()]
    times = [datetime.fromisoformat(entry["time"]) for entry in noted if "time" in entry]
    if not times or len(times) < len(noted) or now - max(times) < _SETTLED:
        return None
    return f"{metadata['uid']} {sorted(_written_by(entry) for entry in noted)}"


def _written_by(entry: Mapping[str, Any]) -> str:
    fields = {name: sorted(entry["fieldsV1"][name]) for name in sorted(_DATA & entry["fieldsV1"].keys())}
    return f"{entry.get('manager')} {entry.get('operation')} {entry['time']} {fields}"


def _decoded(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode("utf-8", errors="surrogateescape")
    except (binascii.Error, ValueError):
        return ""
