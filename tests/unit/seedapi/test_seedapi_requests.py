"""What is sent for each operation: method, path, query, headers and body, exactly as the contract has them."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from seedjob_operator.seedapi import errors
from seedjob_operator.seedapi.budget import Budget, Priority
from seedjob_operator.seedapi.client import SeedClient
from seedjob_operator.seedapi.wire import CreateJob, JobStatus
from unit.seedapi.answering import JOB, TOKEN, MakeClient, Platform, account

Call = Callable[[SeedClient], Awaitable[Any]]
PAGE = {"data": [JOB], "pagination": {"page": 1, "per_page": 100, "total": 1, "total_pages": 1}}
SINCE = datetime(2025, 3, 1, 13, 0, 0, 5, tzinfo=timezone(timedelta(hours=1)))
CREATE = CreateJob(name="train-1", command="python t.py", gpu="L4", image="img", gpu_count=2, env={"EPOCHS": "3"})


@pytest.mark.parametrize(
    ("call", "answer", "target"),
    [
        pytest.param(
            lambda c: c.list_jobs(),
            httpx.Response(200, json=PAGE),
            "GET /acme/jobs?page=1&per_page=100&sort=created_at&order=desc",
            id="list: the platform's own order, in the largest pages",
        ),
        pytest.param(
            lambda c: c.list_jobs(status=JobStatus.TIMED_OUT, page=3, per_page=7, sort="name", order="asc"),
            httpx.Response(200, json=PAGE),
            "GET /acme/jobs?status=timed_out&page=3&per_page=7&sort=name&order=asc",
            id="list: everything said",
        ),
        pytest.param(
            lambda c: c.get_job("train-1"),
            httpx.Response(200, json=JOB),
            "GET /acme/job/train-1",
            id="get: the singular, and without the prefix of writes",
        ),
        pytest.param(
            lambda c: c.get_logs("train-1"),
            httpx.Response(200, json={"data": []}),
            "GET /acme/job/train-1/logs",
            id="logs: nothing said",
        ),
        pytest.param(
            lambda c: c.get_logs("train-1", tail=20, since=SINCE),
            httpx.Response(200, json={"data": []}),
            "GET /acme/job/train-1/logs?tail=20&since=2025-03-01T12%3A00%3A00.000005Z",
            id="logs: a time of another zone is sent in UTC, in microseconds",
        ),
        pytest.param(
            lambda c: c.get_analytics("train-1"),
            httpx.Response(200, json={"summary": {}, "series": []}),
            "GET /acme/job/train-1/analytics",
            id="analytics",
        ),
        pytest.param(
            lambda c: c.create_job(CREATE),
            httpx.Response(201, json=JOB),
            "POST /auth/v1/seed/acme/jobs",
            id="create",
        ),
        pytest.param(
            lambda c: c.cancel_job("train-1"),
            httpx.Response(200, json=JOB),
            "POST /auth/v1/seed/acme/jobs/train-1/cancel",
            id="cancel",
        ),
        pytest.param(
            lambda c: c.delete_job("train-1", delete_artifacts=True),
            httpx.Response(204),
            "DELETE /auth/v1/seed/acme/jobs/train-1?delete_artifacts=true",
            id="delete with the artifacts",
        ),
        pytest.param(
            lambda c: c.delete_job("train-1", delete_artifacts=False),
            httpx.Response(204),
            "DELETE /auth/v1/seed/acme/jobs/train-1?delete_artifacts=false",
            id="delete without them says so too: the default is the platform's and can't be taken back",
        ),
        pytest.param(
            lambda c: c.get_job("a/../b c?d#é"),
            httpx.Response(200, json=JOB),
            "GET /acme/job/a%2F..%2Fb%20c%3Fd%23%C3%A9",
            id="a name stays one segment of the path, whatever it holds",
        ),
    ],
)
async def test_request_line(
    client: SeedClient, platform: Platform, call: Call, answer: httpx.Response, target: str
) -> None:
    platform.will(answer)
    await call(client)
    assert f"{platform.last.method} {platform.last.url.raw_path.decode()}" == target
    assert len(platform.requests) == 1


async def test_headers_of_a_read(client: SeedClient, platform: Platform) -> None:
    platform.will(httpx.Response(200, json=JOB))
    await client.get_job("train-1")
    sent = platform.last.headers
    assert sent["authorization"] == f"Bearer {TOKEN}"
    assert sent["accept"] == "application/json"
    assert sent["host"] == "api.seed.example"
    assert "content-type" not in sent, "there is no body to describe"


async def test_an_api_key_is_sent_by_its_own_scheme(make_client: MakeClient, platform: Platform) -> None:
    platform.will(httpx.Response(200, json=JOB))
    await make_client(scheme="API-Key", token=SecretStr("ci$k3y\n")).get_job("train-1")
    assert platform.last.headers["authorization"] == "API-Key ci$k3y"


async def test_create_sends_what_was_set_and_nothing_else(client: SeedClient, platform: Platform) -> None:
    platform.will(httpx.Response(201, json=JOB))
    await client.create_job(CREATE)
    assert platform.last.headers["content-type"] == "application/json"
    assert platform.last_body == {
        "name": "train-1",
        "command": "python t.py",
        "gpu": "L4",
        "image": "img",
        "gpu_count": 2,
        "env": {"EPOCHS": "3"},
    }


@pytest.mark.parametrize("base", ["https://gw.example/seed/v2", "https://gw.example/seed/v2/"])
async def test_a_base_may_have_a_path(make_client: MakeClient, platform: Platform, base: str) -> None:
    platform.will(httpx.Response(200, json=JOB), httpx.Response(201, json=JOB))
    client = make_client(endpoint=base)
    await client.get_job("train-1")
    assert platform.last.url == "https://gw.example/seed/v2/acme/job/train-1"
    await client.create_job(CREATE)
    assert platform.last.url == "https://gw.example/seed/v2/auth/v1/seed/acme/jobs"


async def _drained(stream: AsyncGenerator[Any, None]) -> list[Any]:
    return [told async for told in stream]


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda c: c.get_job(""), "would ask for another resource"),
        (lambda c: c.get_job(".."), "would climb up the path"),
        (lambda c: c.list_jobs(per_page=101), "the contract's maximum is 100"),
        (lambda c: c.list_jobs(per_page=0), "an empty page would loop for ever"),
        (lambda c: c.list_jobs(page=0), "pages count from 1"),
        (lambda c: c.list_jobs(sort="gpu"), "not a sort key of the contract"),
        (lambda c: c.list_jobs(order="up"), "not a direction of the contract"),
        (lambda c: c.list_jobs(status=JobStatus.UNKNOWN), "`unknown` is our word, not the platform's"),
        (lambda c: c.get_logs("j", tail=0), "tail=0 is refused by the platform"),
        (lambda c: c.get_logs("j", tail=10001), "the contract's maximum is 10000"),
        (lambda c: c.get_logs("j", since=datetime(2025, 1, 1)), "a time without a zone says nothing"),  # noqa: DTZ001  # the case
        (lambda c: _drained(c.stream_logs("j", tail=-1)), "a stream's query is checked too"),
    ],
)
async def test_what_the_contract_does_not_allow_is_not_sent(
    client: SeedClient, platform: Platform, call: Call, why: str
) -> None:
    with pytest.raises(errors.InvalidRequestError) as caught:
        await call(client)
    assert platform.requests == [], why
    assert not caught.value.outcome_unknown
    assert caught.value.message.endswith(".")


async def test_answers_are_typed(client: SeedClient, platform: Platform) -> None:
    line = {"timestamp": "2025-03-01T12:00:00.5Z", "message": "hi", "stream": "stderr", "node": 1}
    platform.will(
        httpx.Response(200, json=PAGE),
        httpx.Response(200, json={"data": [line]}),
        httpx.Response(
            200, json={"summary": {"total_cost": "1.25"}, "series": [{"timestamp": "2025-03-01T12:00:00Z"}]}
        ),
    )
    page = await client.list_jobs()
    assert [job.name for job in page.data] == ["train-1"]
    assert page.pagination.total_pages == 1
    (told,) = await client.get_logs("train-1")
    assert (told.message, told.stream, told.node) == ("hi", "stderr", 1)
    assert told.timestamp == datetime(2025, 3, 1, 12, 0, 0, 500000, tzinfo=UTC)
    analytics = await client.get_analytics("train-1")
    assert str(analytics.summary.total_cost) == "1.25"
    assert len(analytics.series) == 1


async def test_the_platforms_clock_and_limit_are_learned(client: SeedClient, platform: Platform) -> None:
    assert client.platform_time_offset == 0.0
    assert client.rate_limit is None
    headers = {
        "date": "Sat, 01 Mar 2025 13:00:00 GMT",
        "x-ratelimit-limit": "60",
        "x-ratelimit-remaining": "41",
        "x-ratelimit-reset": "17",
    }
    platform.will(httpx.Response(404, json={}, headers=headers), httpx.Response(200, json=JOB))
    with pytest.raises(errors.NotFoundError):
        await client.get_job("gone")
    for _ in range(2):
        assert client.platform_time_offset == 3600.0, "an hour ahead of our clock"
        known = client.rate_limit
        assert known is not None
        assert (known.limit, known.remaining, known.reset_after) == (60, 41, 17.0)
        if platform.answers:
            await client.get_job("train-1")  # an answer that says nothing about either takes nothing back


async def test_each_request_is_counted(client: SeedClient, platform: Platform) -> None:
    platform.will(
        httpx.Response(200, json=JOB), httpx.Response(409, json={}), httpx.ConnectError("no"), httpx.Response(204)
    )
    await client.get_job("train-1")
    for call in (client.create_job(CREATE), client.cancel_job("train-1")):
        with pytest.raises(errors.SeedError):
            await call
    await client.delete_job("train-1", delete_artifacts=False)
    assert platform.outcomes == [
        ("get", "ok"),
        ("create", "ConflictError"),
        ("cancel", "UnreachableError"),
        ("delete", "ok"),
    ]


async def test_a_limit_told_by_an_answer_is_kept_to(make_client: MakeClient, platform: Platform) -> None:
    budget = Budget(clock=lambda: 0.0)
    client = make_client(budget=budget)
    platform.will(httpx.Response(200, json=JOB, headers={"x-ratelimit-limit": "1"}))
    await client.get_job("train-1")
    following = asyncio.ensure_future(client.get_job("train-1"))
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(platform.requests) == 1, "the minute is used up"
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


async def test_a_request_counts_until_its_answer_begins(make_client: MakeClient, platform: Platform) -> None:
    """The platform has counted it by then; a slow body holds up nobody else."""
    now = 0.0
    budget = Budget(clock=lambda: now)
    client = make_client(budget=budget)
    budget.configure(client.account.credential, requests_per_minute=None, burst=1)

    class Slow(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            nonlocal now
            now += 1.0
            other = asyncio.ensure_future(budget.acquire(client.account.credential, Priority.CREATE))
            for _ in range(5):
                await asyncio.sleep(0)
            assert other.done()
            yield json.dumps(JOB).encode()

    platform.will(httpx.Response(200, stream=Slow()))
    assert (await client.get_job("train-1")).name == "train-1"


async def test_a_write_that_may_not_be_sent_any_more_is_not_sent(platform: Platform) -> None:
    """A write may wait long for its turn; whoever lost the right to act meanwhile must not act. Reads do no harm."""

    class LostError(Exception):
        pass

    def refuse() -> None:
        raise LostError

    transport = httpx.MockTransport(platform.answer)
    client = SeedClient(account(), Budget(), transport=transport, before_write=refuse)
    for write in (client.cancel_job("a"), client.delete_job("a", delete_artifacts=False)):
        with pytest.raises(LostError):
            await write
    assert platform.requests == []
    await client.aclose()
