"""The watch: kopf tells of each change, and nothing else of kopf is used.

Its handlers take a record of the object and put the key on our queue: no I/O, no patches, never an error. `docs` of the
settings: a kopf that writes nothing into the objects, follows all at once, and ends when Kubernetes stays away.
"""

import asyncio
import dataclasses
import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import kopf

from seedjob_operator.controller.kubernetes import PAGE, load_access
from seedjob_operator.controller.sifting import Known, sifting
from seedjob_operator.resources import GROUP, VERSION

_log = logging.getLogger(__name__)

OnChange = Callable[[dict[str, Any], bool], None]
"""Called with an object and whether it is gone."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Resource:
    """What is watched: each change that isn't known yet is told."""

    plural: str
    on_change: OnChange
    known: Known


def build_registry(*, kubeconfig: Path | None, resources: Sequence[Resource]) -> kopf.OperatorRegistry:
    """Give the handlers."""
    sign_in = SignIn(kubeconfig, sifting({resource.plural: resource.known for resource in resources}))
    registry = kopf.OperatorRegistry()

    @kopf.on.startup(registry=registry)
    def configure(settings: kopf.OperatorSettings, **_: object) -> None:
        _configure(settings)

    @kopf.on.login(registry=registry)
    async def login(**_: object) -> kopf.AiohttpSession:
        return await sign_in.session()

    for resource in resources:
        kopf.on.event(GROUP, VERSION, resource.plural, registry=registry)(_handler(resource.on_change))
    return registry


class SignIn:
    """Gives kopf its session, the same one for the same access: so kopf sees that what was refused is all that there is.

    It then ends; another session each time would have it try the refused credential again and again without a pause.
    """

    def __init__(self, kubeconfig: Path | None, answers: type[aiohttp.ClientResponse]) -> None:
        self._kubeconfig = kubeconfig
        self._answers = answers
        self._given: tuple[kopf.ConnectionInfo, kopf.AiohttpSession] | None = None

    async def session(self) -> kopf.AiohttpSession:
        """Give the session of the access as it is now."""
        access = await _access(self._kubeconfig)
        if self._given is None or self._given[0] != access:
            self._given = access, _session(access, self._answers)
        return self._given[1]


def _session(access: kopf.ConnectionInfo, answers: type[aiohttp.ClientResponse]) -> kopf.AiohttpSession:
    """Give kopf the session that it would make of an access, but for the answers."""
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=access.as_ssl_context()),
        headers=access.as_http_headers(),
        response_class=answers,
    )
    return kopf.AiohttpSession(server=access.server, aiohttp_session=session)


async def _access(kubeconfig: Path | None) -> kopf.ConnectionInfo:
    """Give kopf the credentials that our own client uses; it asks again when they are refused."""
    access = await load_access(kubeconfig)
    scheme, _, token = (access.api_key.get("BearerToken") or "").rpartition(" ")
    return kopf.ConnectionInfo(
        server=access.host,
        ca_path=access.ssl_ca_cert,
        insecure=not access.verify_ssl,
        scheme=(scheme or "Bearer").capitalize() if token else None,
        token=token or None,
        certificate_path=access.cert_file,
        private_key_path=access.key_file,
    )


def _handler(on_change: OnChange) -> Callable[..., Awaitable[None]]:
    async def take(event: kopf.RawEvent, **_: object) -> None:  # a plain function would run in a thread
        try:
            on_change(dict(event["object"]), event["type"] == "DELETED")
        except Exception:  # noqa: BLE001  # kopf would log it and never come back to it
            _log.exception("a watch event could not be taken in; the next full list mends it")

    return take


def _configure(settings: kopf.OperatorSettings) -> None:
    """Set kopf up as a mere feed; each value was measured."""
    settings.persistence.finalizer = "seed.dev/never-used-by-kopf"
    settings.persistence.diffbase_storage = _NoDiffBase()
    settings.persistence.progress_storage = _NoProgress()
    settings.queueing.worker_limit = None
    settings.queueing.idle_timeout = 1
    settings.watching.chunk_size = PAGE
    settings.watching.server_timeout = 300
    settings.watching.connect_timeout = 10
    settings.networking.request_timeout = 30
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.posting.enabled = False


class _NoDiffBase(kopf.DiffBaseStorage):
    """Keeps no copy of the spec in the object, and makes none to compare with."""

    def build(self, **_: object) -> kopf.BodyEssence:
        """Take nothing out of an object."""
        return kopf.BodyEssence()

    def fetch(self, *, body: kopf.Body) -> None:
        """Know nothing."""

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: object) -> None:
        """Keep nothing."""


class _NoProgress(kopf.ProgressStorage):
    """Keeps no handler's progress in the object: there are no handlers that have any."""

    def fetch(self, *, key: object, body: kopf.Body) -> None:
        """Know nothing."""

    def store(self, *, key: object, record: object, body: kopf.Body, patch: kopf.Patch) -> None:
        """Keep nothing."""

    def purge(self, *, key: object, body: kopf.Body, patch: kopf.Patch) -> None:
        """Have nothing to remove."""

    def touch(self, *, body: kopf.Body, patch: kopf.Patch, value: str | None) -> None:
        """Leave the object alone."""

    def clear(self, *, essence: Any) -> Any:  # kopf's own signature
        """Leave the essence as it is."""
        return essence


async def watch(
    registry: kopf.OperatorRegistry,
    *,
    namespaces: tuple[str, ...],
    stop: asyncio.Event,
    on_ready: Callable[[], None],
) -> None:
    """Run kopf until it is told to stop; it ends by itself, with an error, where Kubernetes stays away for long.

    kopf takes the process's signals when it starts; `on_ready` is called after that, to take them back.
    """
    ready = asyncio.Event()
    taking_back = asyncio.create_task(_call_when(ready, on_ready))
    try:
        await kopf.operator(
            registry=registry,
            clusterwide=not namespaces,
            namespaces=namespaces,
            standalone=True,
            stop_flag=stop,
            ready_flag=ready,
        )
    finally:
        taking_back.cancel()


async def _call_when(event: asyncio.Event, call: Callable[[], None]) -> None:
    await event.wait()
    call()
