"""Each way in which a request can fail, and what its error says: may it have been carried out, and what to do."""

import asyncio
import dataclasses
import inspect

import httpx
import pytest

from seedjob_operator.seedapi import errors
from seedjob_operator.seedapi.answers import MAX_BODY
from seedjob_operator.seedapi.budget import Budget, Priority
from seedjob_operator.seedapi.client import SeedClient, Timeouts
from seedjob_operator.seedapi.transport import MOST_READS
from seedjob_operator.seedapi.wire import CreateJob
from unit.seedapi.answering import JOB, MakeClient, Platform

CREATE = CreateJob(name="train-1", command="python t.py", gpu="L4", image="img")
E = errors


@dataclasses.dataclass(frozen=True)
class Case:
    why: str
    answer: httpx.Response | Exception
    kind: type[errors.SeedError]
    unknown: bool
    said: str = ""
    retry_after: float | None = None


def _json(status: int, text: str, **headers: str) -> httpx.Response:
    return httpx.Response(status, text=text, headers={"content-type": "application/json"} | headers)


def _error(status: int, message: str = "", **headers: str) -> httpx.Response:
    body = {"error": {"code": "x", "message": message}}
    return httpx.Response(status, json=body, headers={name.replace("_", "-"): value for name, value in headers.items()})


def _cases() -> list[Case]:
    """New ones for each test: an answer's body can be read once."""
    return [
        Case("nobody listens: nothing was sent", httpx.ConnectError("refused"), E.UnreachableError, False, "refused"),
        Case("the handshake hangs: nothing was sent", httpx.ConnectTimeout(""), E.UnreachableError, False),
        Case("sent, then silence", httpx.ReadTimeout(""), E.NoAnswerError, True, "in time"),
        Case("a part may have been sent", httpx.WriteTimeout(""), E.NoAnswerError, True),
        Case("reset while sending", httpx.WriteError(""), E.NoAnswerError, True),
        Case("reset while waiting", httpx.ReadError(""), E.NoAnswerError, True, "broke off"),
        Case("closed without an answer, or mid-body", httpx.RemoteProtocolError(""), E.NoAnswerError, True),
        Case(
            "we wrote no HTTP",
            httpx.LocalProtocolError("Illegal header value b'Bearer x'"),
            E.InvalidRequestError,
            False,
        ),
        Case(
            "a proxy's page", httpx.Response(200, html="<html>hi</html>"), E.UnreadableAnswerError, True, "isn't JSON"
        ),
        Case("truncated", _json(201, '{"id": "job_1", "na'), E.UnreadableAnswerError, True),
        Case("null", _json(201, "null"), E.UnreadableAnswerError, True),
        Case("nothing", httpx.Response(204), E.UnreadableAnswerError, True),
        Case(
            "no name",
            _json(201, '{"id": "j", "status": "queued"}'),
            E.UnreadableAnswerError,
            True,
            "name: Field required",
        ),
        Case("nested without end", _json(200, "[" * 200_000), E.UnreadableAnswerError, True),
        Case("not UTF-8", httpx.Response(200, content=b'{"id": "\xff"}'), E.UnreadableAnswerError, True),
        Case("a number without end", _json(200, '{"id": ' + "9" * 10_000 + "}"), E.UnreadableAnswerError, True),
        Case(
            "broken gzip",
            httpx.Response(200, stream=httpx.ByteStream(b"no"), headers={"content-encoding": "gzip"}),
            E.UnreadableAnswerError,
            True,
        ),
        Case("larger than the bound", _json(200, " " * MAX_BODY + "{}"), E.UnreadableAnswerError, True, "8 MiB"),
        Case(
            "bad parameters",
            _error(400, "gpu_count must be 1, 2, 4 or 8"),
            E.SpecRejectedError,
            False,
            "gpu_count must be 1, 2, 4 or 8",
        ),
        Case(
            "bad combination",
            _json(422, '{"detail": "L4 has no 512 GB"}'),
            E.SpecRejectedError,
            False,
            "L4 has no 512 GB",
        ),
        Case("refused without a word", httpx.Response(422), E.SpecRejectedError, False, "combination of GPU"),
        Case("bad credentials", _json(401, '{"message": "expired"}'), E.UnauthorizedError, False, "expired"),
        Case("may not", _error(403), E.ForbiddenError, False),
        Case("not there", _error(404), E.NotFoundError, False),
        Case("name taken", _error(409, "name is taken"), E.ConflictError, False, "name is taken"),
        Case(
            "an error's page is no JSON: the status counts",
            httpx.Response(409, html="<h1>no</h1>"),
            E.ConflictError,
            False,
        ),
        Case("nor does its size matter", httpx.Response(404, content=b"x" * (MAX_BODY + 1)), E.NotFoundError, False),
        Case("too fast", _error(429, retry_after="7"), E.RateLimitedError, False, "rate limit", 7.0),
        Case("too fast, and no time said", _error(429), E.RateLimitedError, False, "", 5.0),
        Case("it failed: before or after the work?", _error(500, "scheduler"), E.OrchestrationError, True, "scheduler"),
        Case("a gateway failed", httpx.Response(502, html="<h1>502</h1>"), E.OrchestrationError, True, "502"),
        Case("down for maintenance", _error(503, retry_after="120"), E.OrchestrationError, True, "", 120.0),
        Case("a status of no contract", httpx.Response(418), E.UnreadableAnswerError, False, "418"),
        Case(
            "elsewhere",
            httpx.Response(307, headers={"location": "https://evil.example/x?sig=s3cr3t"}),
            E.RedirectRefusedError,
            False,
            "https://evil.example,",
        ),
        Case("not changed", httpx.Response(304), E.RedirectRefusedError, False),
    ]


@pytest.mark.parametrize("case", _cases(), ids=lambda case: case.why)
async def test_a_create_that_fails(client: SeedClient, platform: Platform, case: Case) -> None:
    platform.will(case.answer)
    with pytest.raises(errors.SeedError) as caught:
        await client.create_job(CREATE)
    error = caught.value
    assert type(error) is case.kind, case.why
    assert error.outcome_unknown is case.unknown, case.why
    assert case.said in error.message
    assert error.retry_after == case.retry_after
    assert error.status == (case.answer.status_code if isinstance(case.answer, httpx.Response) else None)
    assert len(platform.requests) == 1, "nothing is repeated or followed in here"
    assert "s3cr3t" not in f"{error!r}{error}"


@pytest.mark.parametrize("case", _cases(), ids=lambda case: case.why)
async def test_a_read_leaves_nothing_open(client: SeedClient, platform: Platform, case: Case) -> None:
    platform.will(case.answer)
    with pytest.raises(errors.SeedError) as caught:
        await client.get_job("train-1")
    assert not caught.value.outcome_unknown, "a read carries nothing out"


@pytest.mark.parametrize("call", ["cancel", "delete"])
async def test_other_writes_leave_their_outcome_open_too(client: SeedClient, platform: Platform, call: str) -> None:
    platform.will(httpx.ReadTimeout(""))
    request = client.cancel_job("j") if call == "cancel" else client.delete_job("j", delete_artifacts=False)
    with pytest.raises(errors.NoAnswerError) as caught:
        await request
    assert caught.value.outcome_unknown


def test_every_class_says_what_to_do() -> None:
    kinds = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.SeedError)]
    for kind in set(kinds) - {errors.SeedError, errors.RefusedError}:
        assert kind.user_action.endswith("."), kind
        assert kind.__name__ in (errors.__doc__ or ""), "the tree in the docstring is whole"
    retried = {kind for kind in kinds if kind.retryable}
    assert {errors.NotFoundError, errors.ConflictError, errors.SpecRejectedError}.isdisjoint(retried)
    assert {errors.NoAnswerError, errors.RateLimitedError, errors.UnauthorizedError} <= retried


async def test_the_whole_of_an_answer_is_bounded_in_time(make_client: MakeClient) -> None:
    """A server that sends a byte now and then never runs into the read time-out."""

    async def never(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    client = make_client(timeouts=Timeouts(total=0.0))
    client._http._transport = httpx.MockTransport(never)
    with pytest.raises(errors.NoAnswerError) as caught:
        await client.create_job(CREATE)
    assert caught.value.outcome_unknown


async def test_a_cut_error_body_does_not_hide_the_status(client: SeedClient, platform: Platform) -> None:
    class Cut(httpx.AsyncByteStream):
        async def __aiter__(self):  # type: ignore[no-untyped-def]  # the base's own shape
            yield b'{"error": {"mess'
            raise httpx.RemoteProtocolError("peer closed connection")

    platform.will(httpx.Response(409, stream=Cut()))
    with pytest.raises(errors.ConflictError):
        await client.create_job(CREATE)


async def test_a_huge_body_is_not_read_to_its_end(client: SeedClient, platform: Platform) -> None:
    sent = 0

    class Endless(httpx.AsyncByteStream):
        async def __aiter__(self):  # type: ignore[no-untyped-def]  # the base's own shape
            nonlocal sent
            while True:
                sent += 65536
                yield b" " * 65536

    platform.will(httpx.Response(200, stream=Endless()))
    with pytest.raises(errors.UnreadableAnswerError, match="8 MiB"):
        await client.list_jobs()
    assert sent <= MAX_BODY + 2 * 65536


async def test_after_a_429_the_credential_is_held(make_client: MakeClient, platform: Platform) -> None:
    budget = Budget(clock=lambda: 0.0)
    client = make_client(budget=budget)
    platform.will(_error(429, retry_after="3600"))
    with pytest.raises(errors.RateLimitedError):
        await client.get_job("train-1")
    with pytest.raises(errors.RateLimitedError) as caught:
        await client.cancel_job("train-1")
    assert caught.value.retry_after == 3600.0
    assert len(platform.requests) == 1, "the cancel was not sent: nothing before Retry-After"
    (await budget.acquire("another credential", Priority.LOGS)).answered()


async def test_hanging_reads_do_not_keep_a_cancel_waiting(make_client: MakeClient, platform: Platform) -> None:
    reading = asyncio.Semaphore(0)

    async def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            reading.release()
            await asyncio.Event().wait()
        return httpx.Response(200, json=JOB)

    client = make_client()
    client._http._transport = httpx.MockTransport(answer)
    hanging = [asyncio.ensure_future(client.get_job(f"job-{number}")) for number in range(MOST_READS + 5)]
    for _ in range(MOST_READS):
        await reading.acquire()
    assert (await client.cancel_job("train-1")).name == "train-1"
    assert reading.locked(), "no more reads than there are slots"
    for task in hanging:
        task.cancel()
    await asyncio.gather(*hanging, return_exceptions=True)
    assert platform.outcomes.count(("get", "interrupted")) == MOST_READS
