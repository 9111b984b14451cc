"""The log stream: lines with positions to resume from, and an end that can be told from a break."""

import contextlib
from collections.abc import AsyncIterator

import httpx
import pytest

from seedjob_operator.seedapi import errors
from seedjob_operator.seedapi.answers import MAX_BODY
from seedjob_operator.seedapi.client import SeedClient
from seedjob_operator.seedapi.wire import JobStatus, LogLine, StreamEnd
from unit.seedapi.answering import MakeClient, Platform

TYPE = {"content-type": "text/event-stream; charset=utf-8"}
END = b'event: end\ndata: {"status": "succeeded"}\n\n'


class Chunks(httpx.AsyncByteStream):
    def __init__(self, *chunks: bytes | Exception) -> None:
        self.chunks = chunks
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk

    async def aclose(self) -> None:
        self.closed = True


def _stream(*chunks: bytes | Exception) -> httpx.Response:
    return httpx.Response(200, headers=TYPE, stream=Chunks(*chunks))


def _line(number: int, text: str) -> bytes:
    return f'event: log\nid: p{number}\ndata: {{"message": "{text}", "stream": "stdout"}}\n\n'.encode()


async def _collect(client: SeedClient, told: list[LogLine | StreamEnd]) -> None:
    """Keep what comes before a break."""
    async for one in client.stream_logs("train-1"):
        told.append(one)  # noqa: PERF401  # a comprehension would lose it


async def _read(client: SeedClient, last_event_id: str | None = None) -> list[LogLine | StreamEnd]:
    return [told async for told in client.stream_logs("train-1", last_event_id=last_event_id)]


def _shown(told: list[LogLine | StreamEnd]) -> list[tuple[str, str | None]]:
    return [(one.message if isinstance(one, LogLine) else f"end {one.status}", one.position) for one in told]


async def test_the_request(client: SeedClient, platform: Platform) -> None:
    platform.will(_stream(END), _stream(END))
    await _read(client)
    assert platform.last.url == "https://api.seed.example/acme/job/train-1/logs?stream=true"
    assert platform.last.headers["accept"] == "text/event-stream"
    assert "last-event-id" not in platform.last.headers
    await _read(client, last_event_id="pé7")
    assert ("last-event-id", "pé7".encode()) in [(k.decode().lower(), v) for k, v in platform.last.headers.raw]
    assert platform.outcomes == [("stream", "ok"), ("stream", "ok")]


async def test_lines_with_their_positions_and_the_end(client: SeedClient, platform: Platform) -> None:
    platform.will(_stream(_line(1, "a"), b": keep-alive\n\n", _line(2, "b"), END, _line(3, "after the end")))
    assert _shown(await _read(client)) == [("a", "p1"), ("b", "p2"), ("end succeeded", "p2")]


async def test_events_may_be_cut_anywhere(client: SeedClient, platform: Platform) -> None:
    whole = (_line(1, "ä") + _line(2, "b") + END).replace(b"\n", b"\r\n")
    platform.will(_stream(*(whole[at : at + 1] for at in range(len(whole)))))
    assert _shown(await _read(client)) == [("ä", "p1"), ("b", "p2"), ("end succeeded", "p2")]


@pytest.mark.parametrize(
    "event",
    [
        b'event: metrics\ndata: {"message": "x"}\n\n',
        b'data: {"message": "x"}\n\n',
        b"event: log\ndata: not JSON\n\n",
        b"event: log\ndata: null\n\n",
        b'event: log\ndata: {"line": "x"}\n\n',
        b"event: log\n\n",
        b"retry: 3\n\n",
        b"nonsense\n\n",
        b"event: log\ndata: \xff\n\n",
    ],
)
async def test_what_cannot_be_read_is_passed_over(client: SeedClient, platform: Platform, event: bytes) -> None:
    platform.will(_stream(event, _line(2, "b"), END))
    assert _shown(await _read(client)) == [("b", "p2"), ("end succeeded", "p2")]


@pytest.mark.parametrize(
    ("data", "status"), [(b'{"status": "exploded"}', "unknown"), (b"?", "unknown"), (b"{}", "unknown")]
)
async def test_an_end_is_an_end_whatever_it_says(
    client: SeedClient, platform: Platform, data: bytes, status: str
) -> None:
    platform.will(_stream(b"event: end\ndata: " + data + b"\n\n"))
    assert await _read(client) == [StreamEnd(status=JobStatus(status))]


@pytest.mark.parametrize(
    ("broken", "kind", "why"),
    [
        (b"", errors.NoAnswerError, "closed without an end: a line may be missing"),
        (httpx.ReadTimeout(""), errors.NoAnswerError, "stalled: not even a keep-alive"),
        (httpx.RemoteProtocolError(""), errors.NoAnswerError, "cut"),
        (b"x" * (MAX_BODY + 1), errors.UnreadableAnswerError, "one event without end"),
        (b'event: log\ndata: {"mess', errors.NoAnswerError, "closed within an event"),
    ],
)
async def test_a_stream_that_breaks_is_no_end(
    client: SeedClient, platform: Platform, broken: bytes | Exception, kind: type[errors.SeedError], why: str
) -> None:
    platform.will(_stream(_line(1, "a"), broken))
    told: list[LogLine | StreamEnd] = []
    with pytest.raises(kind) as caught:
        await _collect(client, told)
    assert _shown(told) == [("a", "p1")], why
    assert caught.value.retryable, why


async def test_many_events_are_not_one_large_one(client: SeedClient, platform: Platform) -> None:
    line = _line(1, "x" * 1_000_000)
    platform.will(_stream(*[line] * 12, END))
    assert len(await _read(client)) == 13


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.Response(409, json={"error": {"message": "not running"}}), errors.ConflictError),
        (httpx.Response(404), errors.NotFoundError),
        (httpx.Response(200, json={"data": []}), errors.UnreadableAnswerError),
        (httpx.Response(429, headers={"retry-after": "1"}), errors.RateLimitedError),
        (httpx.ConnectError(""), errors.UnreachableError),
    ],
)
async def test_a_stream_that_is_refused(
    client: SeedClient, platform: Platform, answer: httpx.Response | Exception, kind: type[errors.SeedError]
) -> None:
    platform.will(answer)
    with pytest.raises(kind):
        await _read(client)


async def test_whoever_stops_early_frees_the_connection(make_client: MakeClient, platform: Platform) -> None:
    client = make_client()
    for _ in range(20):  # more often than there are slots for streams
        chunks = Chunks(_line(1, "a"), _line(2, "b"))
        platform.will(httpx.Response(200, headers=TYPE, stream=chunks))
        async with contextlib.aclosing(client.stream_logs("train-1")) as stream:
            assert isinstance(await anext(stream), LogLine)
        assert chunks.closed
