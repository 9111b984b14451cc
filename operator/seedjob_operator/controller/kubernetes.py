"""Kubernetes access: the few calls that the controller makes, each with a time-out and preconditions.

It uses the official client for configuration and credentials, and raw JSON over aiohttp for the rest: typed models would
drop fields that they don't know, and the client's way to aiohttp costs more than aiohttp's own.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.request import getproxies

import aiohttp
import orjson
import yaml
from kubernetes.aio import client as kubernetes_client
from kubernetes.aio import config as kubernetes_config

from seedjob_operator import metrics
from seedjob_operator.controller.keys import Key
from seedjob_operator.resources import FIELD_MANAGER, GROUP, VERSION

_log = logging.getLogger(__name__)
_POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_MERGE_PATCH = "application/merge-patch+json"
_JSON = "application/json"
PAGE = 200
"""Objects in a page of a list: a page takes 70 kB for each while it is read, which larger ones would add to the peak."""
_TIMEOUT = 30.0
_WHOLE = aiohttp.ClientTimeout(total=_TIMEOUT)
_TLS_GOODBYE = 0.25
"""Seconds that aiohttp's connections need to end after its session was closed (aiohttp's own advice)."""
_ECHO_AHEAD = 0.2
"""Seconds by which the watch's word of a write may come before the write's own answer."""
_METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
_WATCH_SECONDS = 600

Document = dict[str, Any]


class KubernetesError(Exception):
    """The Kubernetes API didn't do what was asked; `status` is its answer's, None where there was none."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status

    @property
    def outcome_unknown(self) -> bool:
        """Whether a write may have been carried out all the same: there was no answer, or only of a failure."""
        return self.status is None or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR


class NotFoundError(KubernetesError):
    """There is no such object, or not any more."""


class ConflictError(KubernetesError):
    """The object isn't what the write was decided on: read it again and decide anew."""


class Kubernetes:
    """One connection pool to the Kubernetes API."""

    def __init__(self, access: kubernetes_client.Configuration, session: aiohttp.ClientSession) -> None:
        self._access = access
        self._session = session

    @classmethod
    async def connect(cls, kubeconfig: Path | None, *, connections: int = 32) -> "Kubernetes":
        """Connect with a kubeconfig file, or as the pod's service account.

        Raises:
            KubernetesError: neither is there.
        """
        access = await load_access(kubeconfig)
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=connections, ssl=kubernetes_client.ApiClient(access).rest_client.ssl_context
            ),
            # With it aiohttp asks a thread about proxies and netrc before each request.
            trust_env=bool(getproxies()),
            proxy=access.proxy,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return cls(access, session)

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()
        await asyncio.sleep(_TLS_GOODBYE)

    async def get(self, path: str, **query: str | int) -> Document:
        """Read one object or one page of a list."""
        return await self._call("GET", path, query=query)

    async def post(self, path: str, body: Document) -> Document:
        """Make an object."""
        return await self._call("POST", path, body=body)

    async def put(self, path: str, body: Document) -> Document:
        """Replace an object; its resourceVersion in the body is the precondition."""
        return await self._call("PUT", path, body=body)

    async def patch(self, path: str, body: Document) -> Document:
        """Merge into an object (RFC 7386); `metadata.resourceVersion` and `uid` in the body are preconditions."""
        return await self._call("PATCH", f"{path}?fieldManager={FIELD_MANAGER}", body=body)

    async def delete(self, path: str, body: Document) -> Document:
        """Delete an object; the body is Kubernetes' DeleteOptions."""
        return await self._call("DELETE", path, body=body)

    async def each(self, path: str, **query: str | int) -> AsyncIterator[Document]:
        """Read a whole list in pages."""
        token = ""
        while True:
            page = await self.get(path, limit=PAGE, **query, **({"continue": token} if token else {}))
            token = page.get("metadata", {}).get("continue", "")
            for item in page.pop("items", None) or ():
                yield item
            if not token:
                return

    async def watch_named(self, path: str, name: str) -> AsyncIterator[Document]:
        """Give the changes of one object of a collection, metadata only, until the server ends the stream.

        Raises:
            KubernetesError: the stream was refused, or broke.
        """
        query = {"watch": "true", "fieldSelector": f"metadata.name={name}", "timeoutSeconds": str(_WATCH_SECONDS)}
        timeout = aiohttp.ClientTimeout(total=_WATCH_SECONDS + _TIMEOUT, sock_connect=_TIMEOUT)
        headers = {"Accept": _METADATA_ONLY}
        try:
            async with await self._request("GET", path, headers=headers, timeout=timeout, query=query) as answer:
                if answer.status >= HTTPStatus.BAD_REQUEST:
                    raise _error_for(answer.status, await answer.read())
                rest = b""
                async for chunk in answer.content.iter_any():  # by lines it would refuse long ones
                    *lines, rest = (rest + chunk).split(b"\n")
                    for line in lines:
                        yield orjson.loads(line)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise KubernetesError(f"the stream broke: {type(error).__name__}") from error

    async def _call(
        self, method: str, path: str, *, query: Mapping[str, str | int] | None = None, body: Document | None = None
    ) -> Document:
        headers = {"Accept": _JSON, "Content-Type": _MERGE_PATCH if method == "PATCH" else _JSON}
        try:
            answer = await self._request(method, path, headers=headers, timeout=_WHOLE, query=query, body=body)
            content = await answer.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise KubernetesError(f"the Kubernetes API can't be reached: {type(error).__name__} {error}") from error
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise _error_for(answer.status, content)
        try:
            return orjson.loads(content) if content else {}
        except ValueError as error:
            raise KubernetesError("the Kubernetes API answered with something else than JSON") from error

    async def _request(
        self,
        method: str,
        path: str,
        *,
        headers: dict[str, str],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  # aiohttp's own
        query: Mapping[str, str | int] | None = None,
        body: Document | None = None,
    ) -> aiohttp.ClientResponse:
        token = await self._access.get_api_key_with_prefix("BearerToken", alias="authorization")
        if token:
            headers["Authorization"] = token
        return await self._session.request(
            method,
            self._access.host + path,
            params=query,
            data=None if body is None else orjson.dumps(body),
            headers=headers,
            timeout=timeout,
            allow_redirects=False,
            server_hostname=self._access.tls_server_name,
            proxy_headers=self._access.proxy_headers,
        )


async def load_access(kubeconfig: Path | None) -> kubernetes_client.Configuration:
    """Read address and credentials from a kubeconfig file, or those of the pod's service account.

    Raises:
        KubernetesError: neither is there.
    """
    configuration = kubernetes_client.Configuration()
    try:
        if kubeconfig is not None:
            await kubernetes_config.load_kube_config(str(kubeconfig), client_configuration=configuration)  # type: ignore[no-untyped-call]  # the client has no types here
        else:
            kubernetes_config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]  # the client has no types here
    except (kubernetes_config.ConfigException, yaml.YAMLError, OSError, TypeError, ValueError, AttributeError) as error:
        where = "the pod's service account" if kubeconfig is None else f"the kubeconfig {kubeconfig}"
        why = " ".join(str(error).split())[:300]
        raise KubernetesError(f"no access to Kubernetes by {where}: {why}. Set KUBECONFIG, or run in a pod.") from error
    return configuration


def _error_for(status: int, content: bytes) -> KubernetesError:
    message = _message(content)
    if status == HTTPStatus.NOT_FOUND:
        return NotFoundError(message, status=status)
    if status == HTTPStatus.CONFLICT:
        return ConflictError(message, status=status)
    return KubernetesError(f"the Kubernetes API answered {status}: {message}", status=status)


def _message(content: bytes) -> str:
    try:
        return str(orjson.loads(content)["message"])
    except (ValueError, KeyError, TypeError):
        return content[:200].decode(errors="replace")


class SeedObjects:
    """The operator's own objects: SeedJobs or SeedConnections."""

    def __init__(self, kubernetes: Kubernetes, plural: str, *, namespaces: tuple[str, ...] = ()) -> None:
        self._kubernetes = kubernetes
        self._plural = plural
        self._namespaces = namespaces
        self._under_way: dict[Key, asyncio.Event] = {}

    def _path(self, key: Key, subresource: str = "") -> str:
        return f"/apis/{GROUP}/{VERSION}/namespaces/{key.namespace}/{self._plural}/{key.name}{subresource}"

    async def get(self, key: Key) -> Document:
        """Read one object."""
        return await self._kubernetes.get(self._path(key))

    async def each(self) -> AsyncIterator[Document]:
        """Read all that are watched."""
        paths = [f"/apis/{GROUP}/{VERSION}/namespaces/{name}/{self._plural}" for name in self._namespaces]
        for path in paths or [f"/apis/{GROUP}/{VERSION}/{self._plural}"]:
            async for item in self._kubernetes.each(path):
                yield item

    async def delete(self, key: Key, *, precondition: Document) -> None:
        """Delete an object; refused where it isn't what the precondition says."""
        await self._kubernetes.delete(self._path(key), {"preconditions": precondition})

    async def patch_metadata(self, key: Key, *, precondition: Document, metadata: Document) -> Document:
        """Change metadata; refused where the object isn't what the precondition says."""
        return await self._write(key, "metadata", {"metadata": {**metadata, **precondition}})

    async def patch_status(self, key: Key, *, precondition: Document, status: Document) -> Document:
        """Change the status; refused where the object isn't what the precondition says."""
        return await self._write(key, "status", {"metadata": precondition, "status": status})

    async def answered(self, key: Key) -> None:
        """Wait a moment for the answer of a write that is under way: the watch may tell of it before that."""
        answer = self._under_way.get(key)
        if answer is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(answer.wait(), _ECHO_AHEAD)

    async def _write(self, key: Key, kind: str, body: Document) -> Document:
        self._under_way[key] = answer = asyncio.Event()
        try:
            return await self._written(key, kind, body)
        finally:
            if self._under_way.get(key) is answer:  # else the last of several writes is the one to wait for
                del self._under_way[key]
            answer.set()

    async def _written(self, key: Key, kind: str, body: Document) -> Document:
        path = self._path(key, "/status" if kind == "status" else "")
        label = f"{self._plural}/{kind}"
        try:
            written = await self._kubernetes.patch(path, body)
        except KubernetesError as error:
            metrics.KUBERNETES_WRITES.labels(label, type(error).__name__).inc()
            raise
        metrics.KUBERNETES_WRITES.labels(label, "done").inc()
        return written


def own_namespace(configured: str | None, kubeconfig: Path | None) -> str:
    """Give the namespace of the Lease: the configured one, the pod's, the kubeconfig context's, else `default`."""
    if configured:
        return configured
    if kubeconfig is None:
        return _POD_NAMESPACE.read_text().strip() if _POD_NAMESPACE.is_file() else "default"
    try:
        _, active = kubernetes_config.list_kube_config_contexts(str(kubeconfig))  # type: ignore[no-untyped-call]  # the client has no types here
    except (kubernetes_config.ConfigException, OSError):
        return "default"
    return str(active.get("context", {}).get("namespace") or "default")
