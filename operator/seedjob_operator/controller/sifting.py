"""Keeps from kopf what we know already: mostly the echoes of our own writes, and what our own list has just told.

kopf lists and watches, and makes a task and half a dozen objects for each thing that it is told of, to call a handler of
ours that then finds nothing new in two of three. Its documented seam for that is a session of one's own: what comes over it
is looked at here first. A known object is left out of a list; in a watch its event becomes a bookmark, from which kopf goes
on watching after a break. Whatever can't be read, and all that is news, goes through as it came. An echo may come before
the answer to its write; so what looks like news of an object that we write to waits a moment for that answer.
"""

import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import aiohttp
import orjson

Document = Mapping[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Known:
    """What is known of a resource's objects.

    Attributes:
        knows: tells whether taking in this state of an object would change nothing.
        answered: waits a moment for the answer of a write to that object that is under way.
    """

    knows: Callable[[Document], bool]
    answered: Callable[[Document], Awaitable[None]]


def sifting(resources: Mapping[str, Known]) -> type[aiohttp.ClientResponse]:
    """Give a class of answers without what is known; `resources` has the plurals of the resources that are sifted."""

    class Sifted(aiohttp.ClientResponse):
        async def start(self, connection: Any) -> aiohttp.ClientResponse:  # aiohttp doesn't export its Connection
            await super().start(connection)
            known = resources.get(self.url.name)
            if known is not None and self.ok and self.url.query.get("watch"):
                self.content = Events(self.content, known)  # type: ignore[assignment]  # stands for all of it
            return self

        async def json(self, **_: Any) -> Any:  # kopf gives no options
            document = orjson.loads(await self.read())
            known = resources.get(self.url.name)
            return document if known is None or not self.ok else news_in(document, known.knows)

    return Sifted


def news_in(listed: Any, knows: Callable[[Document], bool]) -> Any:
    """Leave what is known out of a page of a list."""
    return {**listed, "items": [item for item in listed.get("items") or () if not knows(item)]}


class Events:
    """A stream of watch events, a line each, without those of known states; in all else the stream that it reads."""

    def __init__(self, content: aiohttp.StreamReader, known: Known) -> None:
        self._content = content
        self._known = known

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """Give what comes, in whole lines."""
        rest = b""
        async for chunk in self._content.iter_chunked(size):
            *lines, rest = (rest + chunk).split(b"\n")
            if lines:
                yield b"".join([await self._sift(line) + b"\n" for line in lines])
        if rest:
            yield rest

    async def _sift(self, line: bytes) -> bytes:
        try:
            event = orjson.loads(line)
            told = event["object"]
            if event["type"] not in {"ADDED", "MODIFIED"} or not await self._is_known(told):
                return line
            bookmark = {
                "type": "BOOKMARK",
                "object": {
                    "kind": told["kind"],
                    "apiVersion": told["apiVersion"],
                    "metadata": {"resourceVersion": told["metadata"]["resourceVersion"]},
                },
            }
            return orjson.dumps(bookmark)
        except (ValueError, KeyError, TypeError):
            return line

    async def _is_known(self, told: Document) -> bool:
        if self._known.knows(told):
            return True
        await self._known.answered(told)
        return self._known.knows(told)
