"""What reaches kopf: all that is news, and nothing that we know."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast

import aiohttp
import pytest

from seedjob_operator.controller.sifting import Events, Known, news_in
from seedjob_operator.controller.store import Store

Body = dict[str, Any]


def seedjob(name: str, version: int) -> Body:
    metadata = {"namespace": "ns", "name": name, "uid": f"uid-{name}", "resourceVersion": str(version)}
    return {"apiVersion": "seed.dev/v1alpha1", "kind": "SeedJob", "metadata": metadata, "spec": {}, "status": {}}


def event(kind: str, body: Body) -> bytes:
    return json.dumps({"type": kind, "object": body}).encode()


class _Content:
    """A body that comes in pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece


async def _nothing_under_way(_: object) -> None:
    pass


async def sifted(
    store: Store, *pieces: bytes, answered: Callable[[Any], Awaitable[None]] = _nothing_under_way
) -> list[bytes]:
    """Give the lines that are left of a stream."""
    known = Known(knows=store.knows, answered=answered)
    events = Events(cast("aiohttp.StreamReader", _Content(*pieces)), known)
    whole = b"".join([piece async for piece in events.iter_chunked(1024)])
    return whole.splitlines()


@pytest.fixture
def store() -> Store:
    known = Store()
    known.put(seedjob("a", 5))
    return known


async def test_an_echo_becomes_a_bookmark(store: Store) -> None:
    """A watch that breaks off goes on behind the echo, and not minutes before it."""
    (line,) = await sifted(store, event("MODIFIED", seedjob("a", 5)) + b"\n")
    told = json.loads(line)
    assert told["type"] == "BOOKMARK"
    assert told["object"]["metadata"] == {"resourceVersion": "5"}


async def test_an_echo_that_comes_before_the_answer_waits_for_it(store: Store) -> None:
    """Kubernetes may tell the watch of our write before it answers the write."""

    async def answered(told: Body) -> None:
        store.put(told)

    (line,) = await sifted(store, event("MODIFIED", seedjob("a", 6)) + b"\n", answered=answered)
    assert json.loads(line)["type"] == "BOOKMARK"


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (event("MODIFIED", seedjob("a", 6)), "somebody changed it"),
        (event("ADDED", seedjob("b", 3)), "never seen, however old"),
        (event("DELETED", seedjob("a", 5)), "a deletion shows the last state that was known"),
        (event("BOOKMARK", seedjob("a", 4)), "the API server's own"),
        (b'{"type":"ERROR","object":{"kind":"Status","code":410}}', "kopf must list anew"),
        (b'{"type":"MODIFIED","object":{"metadata":{"name":"a"}}}', "no object that can be compared"),
        (b"no JSON", "kopf has its own word on this"),
        (b"", "an empty line"),
    ],
)
async def test_all_else_goes_through_as_it_came(store: Store, told: bytes, why: str) -> None:
    assert await sifted(store, told + b"\n") == [told], why


async def test_events_come_in_any_pieces(store: Store) -> None:
    """Also the one on which a stream ends, cut off or not."""
    lines = [event("MODIFIED", seedjob("a", 6)), event("DELETED", seedjob("a", 6)), event("ADDED", seedjob("c", 7))]
    whole = b"\n".join(lines)
    for size in (1, 7, 100, 10_000):
        pieces = [whole[start : start + size] for start in range(0, len(whole), size)]
        assert await sifted(store, *pieces) == lines, size


async def test_what_another_shard_has_is_followed(store: Store) -> None:
    """It isn't ours to act on, but its outline is kept, so its changes are news."""
    other = Store(lambda _: False)
    assert not other.put(seedjob("a", 5))
    assert [json.loads(line)["type"] for line in await sifted(other, event("MODIFIED", seedjob("a", 6)))] == [
        "MODIFIED"
    ]


def test_a_list_has_news_alone(store: Store) -> None:
    """Its resourceVersion and where it goes on are kopf's to read."""
    page = {"metadata": {"resourceVersion": "9", "continue": "x"}, "items": [seedjob("a", 5), seedjob("b", 2)]}
    assert news_in(page, store.knows) == {"metadata": page["metadata"], "items": [seedjob("b", 2)]}
    assert news_in({"metadata": {}, "items": None}, store.knows)["items"] == []
