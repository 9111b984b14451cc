"""The one client of the Seed Jobs API: seven operations, each through the budget, typed both ways.

A request takes this way: its parts are checked (`queries`), the budget lets it go (`budget`), a slot of this client is
free, it is sent, and its answer is read within bounds (`answers`). Every failure on it is one of `errors`.
"""

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

import httpx
import orjson
from pydantic import BaseModel

from seedjob_operator.seedapi import answers, errors, wire
from seedjob_operator.seedapi.account import Account
from seedjob_operator.seedapi.budget import Budget, Permit, Priority
from seedjob_operator.seedapi.events import read_events
from seedjob_operator.seedapi.queries import job_path, list_query, log_query
from seedjob_operator.seedapi.ratelimit import RateLimit, platform_time, read_rate_limit
from seedjob_operator.seedapi.transport import (
    MOST_READS,
    MOST_STREAMS,
    MOST_WRITES,
    Channel,
    Timeouts,
    failures_as_ours,
)
from seedjob_operator.seedapi.wire import (
    Analytics,
    CreateJob,
    Header,
    Job,
    JobPage,
    JobSort,
    JobStatus,
    LogLine,
    LogPage,
    Query,
    SortOrder,
    StreamEnd,
)

__all__ = ["Account", "OnRequest", "SeedClient", "Timeouts"]

OnRequest = Callable[[str, str, float], None]
"""Called after each request with the operation (`list`, `get`, `logs`, `stream`, `analytics`, `create`, `cancel`,
`delete`), its outcome (`ok`, the error's class, or `interrupted`) and the seconds from sending to the answer."""

_T = TypeVar("_T")
_M = TypeVar("_M", bound=BaseModel)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Request:
    """One request. `secrets` are what its error must not repeat, beside the token."""

    operation: str
    method: Literal["GET", "POST", "DELETE"] = "GET"
    path: str
    priority: Priority
    query: Mapping[str, str] = dataclasses.field(default_factory=dict)
    body: Mapping[str, Any] | None = dataclasses.field(default=None, repr=False)
    headers: Mapping[bytes, bytes] = dataclasses.field(default_factory=dict)
    secrets: tuple[str, ...] = dataclasses.field(default=(), repr=False)

    @property
    def writes(self) -> bool:
        return self.method != "GET"


class SeedClient:
    """A client for one account. All methods raise `SeedError`; those that write say its `outcome_unknown`.

    Attributes:
        account: whose client it is.
        rate_limit: what the last answer told of the credential's limit; None before one did.
        platform_time_offset: seconds that the platform's clock is ahead of ours, by the last `Date`; 0.0 before there
            was one. A `Date` has whole seconds and servers renew it once a second, so this is up to 2 s too small.
    """

    def __init__(
        self,
        account: Account,
        budget: Budget,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        on_request: OnRequest | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        timeouts: Timeouts = Timeouts(),  # noqa: B008  # frozen
        before_write: Callable[[], None] | None = None,
    ) -> None:
        self.account = account
        self._before_write = before_write
        self.rate_limit: RateLimit | None = None
        self.platform_time_offset = 0.0
        self._budget = budget
        self._on_request = on_request
        self._clock = clock
        self._timeouts = timeouts
        self._reads = asyncio.Semaphore(MOST_READS)
        self._writes = asyncio.Semaphore(MOST_WRITES)
        self._streams = asyncio.Semaphore(MOST_STREAMS)
        self._http = Channel(account, transport=transport)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def list_jobs(
        self,
        status: JobStatus | None = None,
        page: int = 1,
        per_page: int = wire.MAX_PER_PAGE,
        sort: str = JobSort.CREATED_AT,
        order: str = SortOrder.DESC,
        *,
        priority: Priority = Priority.LIST,
    ) -> JobPage:
        """List one page of jobs (List jobs). A 404 means that there is no such Seed namespace."""
        path = wire.path(wire.LIST_JOBS, namespace=self.account.namespace)
        query = list_query(status=status, page=page, per_page=per_page, sort=sort, order=order)
        return await self._ask(JobPage, _Request(operation="list", path=path, query=query, priority=priority))

    async def get_job(self, name: str, *, priority: Priority = Priority.GET) -> Job:
        """Get one job by its name (Get a job)."""
        path = self._path(wire.GET_JOB, name)
        return await self._ask(Job, _Request(operation="get", path=path, priority=priority))

    async def get_analytics(self, name: str, *, priority: Priority = Priority.ANALYTICS) -> Analytics:
        """Get a job's analytics (Get job analytics)."""
        path = self._path(wire.GET_ANALYTICS, name)
        return await self._ask(Analytics, _Request(operation="analytics", path=path, priority=priority))

    async def get_logs(
        self, name: str, tail: int | None = None, since: datetime | None = None, *, priority: Priority = Priority.LOGS
    ) -> list[LogLine]:
        """Get a job's log (Get job logs): its most recent lines, those after a time, or both; oldest first."""
        path, query = self._path(wire.GET_LOGS, name), log_query(tail=tail, since=since)
        page = await self._ask(LogPage, _Request(operation="logs", path=path, query=query, priority=priority))
        return list(page.data)

    async def create_job(self, request: CreateJob) -> Job:
        """Create a job (Create a job). An error with `outcome_unknown` may have created it all the same."""
        return await self._ask(
            Job,
            _Request(
                operation="create",
                method="POST",
                path=wire.path(wire.CREATE_JOB, namespace=self.account.namespace),
                priority=Priority.CREATE,
                body=request.model_dump(exclude_none=True),
                secrets=tuple((request.env or {}).values()),
            ),
        )

    async def cancel_job(self, name: str) -> Job:
        """Cancel a queued or running job (Cancel); ConflictError where it has ended."""
        path = self._path(wire.CANCEL_JOB, name)
        return await self._ask(
            Job, _Request(operation="cancel", method="POST", path=path, priority=Priority.CANCEL_DELETE)
        )

    async def delete_job(self, name: str, *, delete_artifacts: bool) -> None:
        """Remove the record of an ended job (Delete); ConflictError where it has not ended."""
        query = {Query.DELETE_ARTIFACTS.value: "true" if delete_artifacts else "false"}
        path = self._path(wire.DELETE_JOB, name)
        await self._send(
            _Request(operation="delete", method="DELETE", path=path, query=query, priority=Priority.CANCEL_DELETE),
            read=_ignored,
        )

    async def stream_logs(
        self,
        name: str,
        tail: int | None = None,
        since: datetime | None = None,
        last_event_id: str | None = None,
    ) -> AsyncGenerator[LogLine | StreamEnd, None]:
        """Follow a running job's log line by line, to a `StreamEnd`; ConflictError where the job isn't running.

        After an error ask again with the last line's `position` as `last_event_id`. Where a caller may stop early, it
        closes the generator (`contextlib.aclosing`).

        Raises:
            NoAnswerError: nothing came for too long, or the stream broke off before the job's end.
        """
        query = {**log_query(tail=tail, since=since), Query.STREAM.value: "true"}
        headers = {b"Accept": wire.EVENT_STREAM_TYPE.encode()}
        if last_event_id is not None:  # as bytes: the platform made it, perhaps with characters beyond ASCII
            headers[Header.LAST_EVENT_ID.encode()] = last_event_id.encode()
        request = _Request(
            operation="stream",
            path=self._path(wire.GET_LOGS, name),
            query=query,
            headers=headers,
            priority=Priority.LOGS,
        )
        async with self._streams, contextlib.AsyncExitStack() as open_stream:
            with self._failures(request):
                response = await self._open_stream(request, open_stream)
                async with contextlib.aclosing(read_events(response)) as events:
                    async for told in events:
                        yield told

    async def _open_stream(self, request: _Request, open_stream: contextlib.AsyncExitStack) -> httpx.Response:
        permit = await self._budget.acquire(self.account.credential, request.priority)
        with permit, self._counted(request), self._failures(request):
            sending = self._sending(request, timeout=self._timeouts.for_stream())
            response = await open_stream.enter_async_context(sending)
            await self._accept(request, response)
            return response

    def _path(self, template: str, name: str) -> str:
        return job_path(template, namespace=self.account.namespace, name=name)

    async def _ask(self, model: type[_M], request: _Request) -> _M:
        """Send a request whose answer has a body."""

        async def read(response: httpx.Response) -> _M:
            content = await answers.read_bounded(response, write=request.writes)
            return answers.parsed(content, model, write=request.writes, status=response.status_code)

        return await self._send(request, read=read)

    async def _send(self, request: _Request, *, read: Callable[[httpx.Response], Awaitable[_T]]) -> _T:
        """Send a request when the budget and this client's slots allow it, and read its answer."""
        permit = await self._budget.acquire(self.account.credential, request.priority)
        with permit:
            async with self._writes if request.writes else self._reads:
                if request.writes and self._before_write is not None:
                    self._before_write()
                with self._counted(request), self._failures(request):
                    async with asyncio.timeout(self._timeouts.total):
                        return await self._exchange(request, permit, read)

    async def _exchange(self, request: _Request, permit: Permit, read: Callable[[httpx.Response], Awaitable[_T]]) -> _T:
        async with self._sending(request, timeout=self._timeouts.for_answer()) as response:
            permit.answered()
            await self._accept(request, response)
            return await read(response)

    def _sending(
        self, request: _Request, *, timeout: httpx.Timeout
    ) -> contextlib.AbstractAsyncContextManager[httpx.Response]:
        return self._http.send(
            request.method,
            request.path,
            query=request.query,
            content=None if request.body is None else orjson.dumps(request.body),
            headers=request.headers,
            timeout=timeout,
        )

    async def _accept(self, request: _Request, response: httpx.Response) -> None:
        """Learn what every answer tells beside its body, and raise the error that it may be."""
        self._learn(response)
        if response.is_success:
            return
        error = answers.error_for(
            response,
            await answers.read_beginning(response),
            now=self._clock(),
            secrets=(*self.account.secrets, *request.secrets),
            write=request.writes,
        )
        if isinstance(error, errors.RateLimitedError) and error.retry_after is not None:
            self._budget.hold(self.account.credential, error.retry_after)
        raise error

    def _learn(self, response: httpx.Response) -> None:
        now = self._clock()
        self._budget.observe(self.account.credential, response.headers)
        self.rate_limit = read_rate_limit(response.headers, now=now) or self.rate_limit
        told = platform_time(response.headers)
        if told is not None:
            self.platform_time_offset = (told - now).total_seconds()

    def _failures(self, request: _Request) -> contextlib.AbstractContextManager[None]:
        return failures_as_ours(endpoint=self.account.endpoint, write=request.writes)

    @contextlib.contextmanager
    def _counted(self, request: _Request) -> Iterator[None]:
        """Tell the outcome and the duration of what happens within."""
        began, outcome = time.monotonic(), "interrupted"
        try:
            yield
            outcome = "ok"
        except errors.SeedError as error:
            outcome = type(error).__name__
            raise
        finally:
            if self._on_request is not None:
                self._on_request(request.operation, outcome, time.monotonic() - began)


async def _ignored(response: httpx.Response) -> None:
    """A success without a body to read; taking in what there is keeps the connection usable."""
    await answers.read_beginning(response)
