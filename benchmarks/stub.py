"""The stub platform's server: `python -m benchmarks.stub PORT`. It is light, so that it bounds nothing that is measured.

It answers the Jobs API's operations from scripted jobs, keeps a ledger of jobs and requests with their times, and may
enforce a plan's rate limit. `/_control/` is for the benchmark: settings, jobs that were there before, ends, the ledger.
"""

import asyncio
import re
import sys
import time
from http import HTTPStatus
from typing import Any

from aiohttp import web

from benchmarks.jobs import Jobs, Listing, NameTakenError, Script, ScriptedJob, WrongStateError, shown
from seedjob_operator.seedapi import wire
from seedjob_operator.seedserver.ratelimit import PLANS, RateLimit, Verdict, whole_seconds

_OPERATIONS = {
    "list": ("GET", wire.LIST_JOBS),
    "get": ("GET", wire.GET_JOB),
    "logs": ("GET", wire.GET_LOGS),
    "analytics": ("GET", wire.GET_ANALYTICS),
    "create": ("POST", wire.CREATE_JOB),
    "cancel": ("POST", wire.CANCEL_JOB),
    "delete": ("DELETE", wire.DELETE_JOB),
}
_ROUTES = [
    (operation, method, re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template)))
    for operation, (method, template) in _OPERATIONS.items()
]
_LISTED = set(wire.LISTED_FIELDS)


class Stub:
    """One platform with one credential."""

    def __init__(self) -> None:
        self.jobs = Jobs()
        self._limit: RateLimit | None = None
        self.requests: list[tuple[float, str, int]] = []

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        now = time.time()
        self.jobs.advance(now)
        if request.path.startswith("/_control/"):
            return await self._control(request, now)
        for operation, method, pattern in _ROUTES:
            match = pattern.fullmatch(request.path) if method == request.method else None
            if match is not None:
                answer = await self._limited(operation, request, match.groupdict(), now)
                self.requests.append((now, operation, answer.status))
                return answer
        return _refusal(HTTPStatus.NOT_FOUND, "no such operation")

    async def _limited(
        self, operation: str, request: web.BaseRequest, parts: dict[str, str], now: float
    ) -> web.Response:
        if self._limit is None:
            return await self._answer(operation, request, parts, now)
        verdict = self._limit.check(now)
        if verdict.allowed:
            answer = await self._answer(operation, request, parts, now)
        else:
            answer = _refusal(HTTPStatus.TOO_MANY_REQUESTS, "rate limit exceeded")
            answer.headers[wire.Header.RETRY_AFTER] = str(whole_seconds(verdict.retry_after))
        _tell_limit(answer, verdict)
        return answer

    async def _answer(
        self, operation: str, request: web.BaseRequest, parts: dict[str, str], now: float
    ) -> web.Response:
        if operation == "list":
            return self._list(request, parts["namespace"], now)
        try:
            if operation == "create":
                made = self.jobs.create(await request.json(), time.time())
                return _shown(made, parts["namespace"], now, HTTPStatus.CREATED)
            return self._about(operation, parts, now)
        except (NameTakenError, WrongStateError) as error:
            return _refusal(HTTPStatus.CONFLICT, f"{type(error).__name__} {error}")

    def _about(self, operation: str, parts: dict[str, str], now: float) -> web.Response:
        name = parts["name"]
        job = self.jobs.get(name)
        if job is None:
            return _refusal(HTTPStatus.NOT_FOUND, "no such job")
        if operation == "delete":
            self.jobs.delete(name)
            return web.Response(status=HTTPStatus.NO_CONTENT)
        if operation == "cancel":
            self.jobs.cancel(name, now)
        if operation == "logs":
            return _json(wire.LogPage(data=()))
        if operation == "analytics":
            return _json(wire.Analytics(summary=wire.Summary(runtime_seconds=60, gpu_utilization_avg=87.5)))
        return _shown(job, parts["namespace"], now, HTTPStatus.OK)

    def _list(self, request: web.BaseRequest, namespace: str, now: float) -> web.Response:
        query = request.query
        status = query.get(wire.Query.STATUS)
        listing = Listing(
            status=wire.JobStatus(status) if status else None,
            sort=query.get(wire.Query.SORT, "created_at"),
            order=query.get(wire.Query.ORDER, "desc"),
            page=int(query.get(wire.Query.PAGE, "1")),
            per_page=int(query.get(wire.Query.PER_PAGE, str(wire.DEFAULT_PER_PAGE))),
        )
        jobs, total = self.jobs.listed(listing)
        pages = -(-total // listing.per_page)
        page = wire.JobPage.model_construct(
            data=tuple(shown(job, namespace, now) for job in jobs),
            pagination=wire.Pagination(page=listing.page, per_page=listing.per_page, total=total, total_pages=pages),
        )
        text = page.model_dump_json(include={"data": {"__all__": _LISTED}, "pagination": True})
        return web.Response(text=text, content_type=wire.JSON_TYPE)

    async def _control(self, request: web.BaseRequest, now: float) -> web.Response:
        body = await request.json() if request.can_read_body else {}
        match request.path.rpartition("/")[2]:
            case "settings":
                self.jobs.script = Script(**body["script"])
                plan = PLANS[body["plan"]]
                self._limit = None if plan is None else RateLimit(plan)
            case "load":
                for job in body["jobs"]:
                    self.jobs.load(**job)
            case "end":
                return web.json_response({"ending": self.jobs.end(body["names"], within=body["within"], now=now)})
            case "forget-requests":
                self.requests.clear()
            case "count":
                return web.json_response({"jobs": len(self.jobs), "requests": len(self.requests)})
            case "ledger":
                return web.json_response({"jobs": [_entry(job) for job in self.jobs.all()], "requests": self.requests})
        return web.json_response({})


def _entry(job: ScriptedJob) -> dict[str, Any]:
    return {
        "name": job.name,
        "created": job.created,
        "started": job.started,
        "ended": job.ended,
        "progress_every": job.script.progress_every,
        "progress_shift": job.progress_shift,
    }


def _shown(job: ScriptedJob, namespace: str, now: float, status: HTTPStatus) -> web.Response:
    return _json(shown(job, namespace, now), status)


def _json(model: wire.Job | wire.LogPage | wire.Analytics, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    return web.Response(text=model.model_dump_json(), content_type=wire.JSON_TYPE, status=status)


def _refusal(status: HTTPStatus, message: str) -> web.Response:
    body = wire.ErrorBody(error=wire.ErrorDetail(code=status.name.lower(), message=message))
    return web.Response(text=body.model_dump_json(), content_type=wire.JSON_TYPE, status=status)


def _tell_limit(answer: web.Response, verdict: Verdict) -> None:
    answer.headers[wire.Header.RATE_LIMIT] = str(verdict.limit)
    answer.headers[wire.Header.RATE_LIMIT_REMAINING] = str(verdict.remaining)
    answer.headers[wire.Header.RATE_LIMIT_RESET] = str(whole_seconds(verdict.reset_after))


async def serve(port: int) -> None:
    """Serve on a port of 127.0.0.1 until cancelled."""
    runner = web.ServerRunner(web.Server(Stub().handle, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=4096).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
