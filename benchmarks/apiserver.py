"""Raw access to the API server for the benchmark's own processes: no client library whose cost would be measured too."""

import asyncio
import base64
import json
import re
import ssl
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import yaml

_T = TypeVar("_T")
NAMESPACE = "default"
SEEDJOBS = f"/apis/seed.dev/v1alpha1/namespaces/{NAMESPACE}/seedjobs"
EVENTS = f"/api/v1/namespaces/{NAMESPACE}/events"
_MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}
_PAGE = 500
_LARGEST_LINE = 2**20
_COUNTED = re.compile(r"apiserver_request_total\{(?P<labels>[^}]*)\} (?P<count>\S+)")
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_WRITES = {"POST": "create", "PUT": "update", "PATCH": "patch", "APPLY": "apply", "DELETE": "delete"}

Body = dict[str, Any]


class ApiServer:
    """One connection pool to the API server."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    @classmethod
    def connect(cls, kubeconfig: Path, *, connections: int = 32) -> "ApiServer":
        """Connect as a kubeconfig with a token says."""
        config = yaml.safe_load(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        trust = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
        return cls(
            aiohttp.ClientSession(
                base_url=cluster["server"],
                headers={"Authorization": f"Bearer {user['token']}"},
                connector=aiohttp.TCPConnector(ssl=trust, limit=connections),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
                read_bufsize=_LARGEST_LINE,
                raise_for_status=True,
            )
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def create(self, path: str, body: Body) -> Body:
        """Make an object."""
        async with self._session.post(path, json=body) as answer:
            return await _read(answer)

    async def patch(self, path: str, body: Body) -> Body:
        """Merge into an object."""
        async with self._session.patch(path, data=json.dumps(body), headers=_MERGE_PATCH) as answer:
            return await _read(answer)

    async def get(self, path: str, **query: str | int) -> Body:
        """Read an object, or a page of a list."""
        async with self._session.get(path, params=query) as answer:
            return await _read(answer)

    async def delete(self, path: str) -> None:
        """Delete an object."""
        async with self._session.delete(path) as answer:
            await answer.read()

    async def follow(self, *, on_listed: Callable[[], None] = lambda: None) -> AsyncIterator[tuple[str, Body]]:
        """Give every SeedJob there is, then every change of one, as a watch's type and object. It never ends."""
        version, token = "", ""
        while True:
            page = await self.get(SEEDJOBS, limit=_PAGE, **({"continue": token} if token else {}))
            for item in page["items"]:
                yield "ADDED", item
            version, token = page["metadata"]["resourceVersion"], page["metadata"].get("continue", "")
            if not token:
                break
        on_listed()
        while True:
            async with self._session.get(
                SEEDJOBS, params={"watch": "1", "resourceVersion": version, "allowWatchBookmarks": "true"}
            ) as stream:
                async for line in stream.content:
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        raise RuntimeError(f"the watch was refused: {event['object'].get('message')}")
                    version = event["object"]["metadata"]["resourceVersion"]
                    if event["type"] != "BOOKMARK":
                        yield event["type"], event["object"]

    async def writes(self) -> dict[str, int]:
        """Give its own count of accepted and refused writes so far, as `patch seedjobs/status`."""
        async with self._session.get("/metrics") as answer:
            text = await answer.text()
        counts: dict[str, int] = {}
        for found in _COUNTED.finditer(text):
            labels = dict(_LABEL.findall(found["labels"]))
            verb = _WRITES.get(labels["verb"])
            if verb is None or labels["resource"] not in {"seedjobs", "seedconnections", "events", "leases"}:
                continue
            resource = "/".join(part for part in (labels["resource"], labels["subresource"]) if part)
            refused = " refused" if labels["code"] >= "400" else ""
            kind = f"{verb} {resource}{refused}"
            counts[kind] = counts.get(kind, 0) + int(float(found["count"]))
        return counts


async def _read(answer: aiohttp.ClientResponse) -> Body:
    body: Body = json.loads(await answer.read())
    return body


async def at_once(work: Iterable[Callable[[], Any]], *, concurrency: int = 24) -> None:
    """Do many things, so many at a time."""
    todo = iter(work)

    async def hand() -> None:
        for call in todo:
            await call()

    async with asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(hand())


def manifest(name: str) -> Body:
    """Give a SeedJob as users write them."""
    return {
        "apiVersion": "seed.dev/v1alpha1",
        "kind": "SeedJob",
        "metadata": {"name": name, "labels": {"team": "research", "app": "trainer"}},
        "spec": {
            "job": {
                "image": "pytorch/pytorch:2.8",
                "command": "python train.py --epochs 3 --learning-rate 3e-4 --out /outputs",
                "gpu": {"type": "A100-80GB", "count": 4},
                "cpu": 32,
                "memoryGB": 256,
                "region": "us-east-1",
                "spot": True,
                "timeoutMinutes": 720,
                "maxRetries": 2,
                "env": [{"name": "EPOCHS", "value": "3"}, {"name": "SEED", "value": "17"}],
            }
        },
    }
