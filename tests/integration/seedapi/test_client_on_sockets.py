"""The client on real connections: what only a socket can do to it."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from pydantic import SecretStr

from seedjob_operator.seedapi import errors
from seedjob_operator.seedapi.answers import MAX_BODY
from seedjob_operator.seedapi.budget import Budget
from seedjob_operator.seedapi.client import Account, SeedClient, Timeouts
from seedjob_operator.seedapi.wire import CreateJob, LogLine

JOB = b'{"id": "job_1", "name": "train-1", "status": "queued"}'
CREATE = CreateJob(name="train-1", command="c", gpu="L4", image="i")
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def _head(length: int, status: str = "200 OK", more: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{more}\r\n".encode()


@contextlib.asynccontextmanager
async def _client_of(serve: Serve, *, read: float = 60.0) -> AsyncIterator[SeedClient]:
    serving: set[asyncio.Task[None]] = set()

    async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await serve(reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.get_running_loop().create_task(answered(reader, writer)))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    client = _client(server.sockets[0].getsockname()[1], read=read)
    async with server:
        yield client
        await client.aclose()
        await asyncio.wait_for(asyncio.gather(*serving), timeout=60.0)


def _client(port: int, *, read: float = 60.0) -> SeedClient:
    account = Account(
        endpoint=f"http://127.0.0.1:{port}", namespace="acme", scheme="Bearer", token=SecretStr("tok-1234567")
    )
    return SeedClient(account, Budget(), timeouts=Timeouts(read=read, stream_idle=read))


async def _request(reader: asyncio.StreamReader) -> bytes:
    """Take in one request; its body as long as its head says."""
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
    return head + await reader.readexactly(int(lengths[0]) if lengths else 0)


async def test_nobody_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        client = _client(unused.getsockname()[1])
        with pytest.raises(errors.UnreachableError) as caught:
            await client.create_job(CREATE)
    await client.aclose()
    assert not caught.value.outcome_unknown, "nothing was sent"


async def test_no_such_host() -> None:
    account = Account(
        endpoint="https://seed.invalid", namespace="acme", scheme="Bearer", token=SecretStr("tok-1234567")
    )
    client = SeedClient(account, Budget())
    with pytest.raises(errors.UnreachableError, match=r"https://seed\.invalid can't be reached"):
        await client.list_jobs()
    await client.aclose()


async def test_a_connection_is_kept_for_the_next_request() -> None:
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while True:
            await _request(reader)
            writer.write(_head(len(JOB)) + JOB)
            await writer.drain()

    async with _client_of(serve) as client:
        for _ in range(5):
            await client.get_job("train-1")
        await client.create_job(CREATE)
    assert connections == 1


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"", "closed after the request, before an answer"),
        (_head(len(JOB)) + JOB[:10], "closed in the middle of the body"),
        (b"HTTP/1.1 201 Cre", "closed in the middle of the head"),
        (b"220 mail.example ESMTP\r\n", "no HTTP at all"),
    ],
)
async def test_a_connection_that_breaks_off(answer: bytes, why: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _request(reader)
        writer.write(answer)
        await writer.drain()

    async with _client_of(serve) as client:
        with pytest.raises(errors.NoAnswerError) as caught:
            await client.create_job(CREATE)
    assert caught.value.outcome_unknown, why


@pytest.mark.parametrize("call", ["list", "delete"])
async def test_what_breaks_off_is_not_sent_again(call: str) -> None:
    """Left to itself aiohttp sends a get or delete twice: the budget would count one request where the platform counts two."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await _request(reader))

    async with _client_of(serve) as client:
        with pytest.raises(errors.NoAnswerError):
            await (client.list_jobs() if call == "list" else client.delete_job("train-1", delete_artifacts=True))
    assert len(asked) == 1


async def test_a_connection_that_was_closed_meanwhile_leaves_a_create_open() -> None:
    """The platform closes what was kept just as the next request goes out: it may have read it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _request(reader)
        writer.write(_head(len(JOB)) + JOB)
        await writer.drain()
        await _request(reader)
        writer.transport.abort()

    async with _client_of(serve) as client:
        await client.get_job("train-1")
        with pytest.raises(errors.NoAnswerError) as caught:
            await client.create_job(CREATE)
    assert caught.value.outcome_unknown


async def test_only_what_we_write_is_sent() -> None:
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            asked.append(await _request(reader))
            writer.write(_head(len(JOB)) + JOB)
            await writer.drain()

    async with _client_of(serve) as client:
        await client.create_job(CREATE)
        await client.cancel_job("train-1")
    create, cancel = (
        {line.split(b":")[0].lower() for line in one.split(b"\r\n\r\n")[0].split(b"\r\n")[1:]} for one in asked
    )
    always = {b"host", b"authorization", b"accept", b"accept-encoding", b"user-agent", b"content-length", b"connection"}
    assert create == always | {b"content-type"}
    assert cancel == always


async def test_a_silent_platform() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _request(reader)
        await reader.read()

    async with _client_of(serve, read=0.1) as client:
        with pytest.raises(errors.NoAnswerError, match="in time") as caught:
            await client.cancel_job("train-1")
    assert caught.value.outcome_unknown


async def test_a_huge_answer_is_cut_off_at_the_bound() -> None:
    sent = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await _request(reader)
        writer.write(_head(10**12))
        while True:
            writer.write(b" " * 65536)
            await writer.drain()
            sent += 65536

    async with _client_of(serve) as client:
        with pytest.raises(errors.UnreadableAnswerError, match="8 MiB"):
            await client.list_jobs()
    assert sent < 4 * MAX_BODY, "the connection is closed, not drained"


async def test_a_redirect_takes_the_credential_nowhere() -> None:
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await _request(reader))
        own = writer.get_extra_info("sockname")[1]
        writer.write(_head(0, "308 Permanent Redirect", f"Location: http://127.0.0.1:{own}/elsewhere\r\n"))
        await writer.drain()

    async with _client_of(serve) as client:
        with pytest.raises(errors.RedirectRefusedError) as caught:
            await client.create_job(CREATE)
    assert len(asked) == 1
    assert not caught.value.outcome_unknown


async def test_a_stream_stalls_and_is_resumed() -> None:
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await _request(reader))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        if len(asked) == 1:
            writer.write(b'event: log\nid: 41\ndata: {"message": "first"}\n\n')
            await reader.read()
        writer.write(b'event: log\nid: 42\ndata: {"message": "second"}\n\nevent: end\ndata: {"status": "failed"}\n\n')
        await writer.drain()

    lines: list[LogLine] = []

    async def follow(client: SeedClient, last: str | None) -> None:
        async for told in client.stream_logs("train-1", last_event_id=last):
            if isinstance(told, LogLine):
                lines.append(told)  # noqa: PERF401  # a comprehension would lose what came before the stall

    async with _client_of(serve, read=1.0) as impatient:  # and yet not before the first line is there
        with pytest.raises(errors.NoAnswerError):
            await follow(impatient, None)
    async with _client_of(serve) as client:
        await follow(client, lines[-1].position)
    assert [line.message for line in lines] == ["first", "second"]
    assert b"last-event-id: 41" in asked[1].lower()
