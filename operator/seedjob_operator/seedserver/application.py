"""The Jobs API over HTTP: seven operations, each a few lines around the platform."""

import asyncio
import re
from pathlib import Path

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sse_starlette import EventSourceResponse
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response

from seedjob_operator.seedapi import wire
from seedjob_operator.seedserver import answers, excerpts, openapi, requests
from seedjob_operator.seedserver.downloads import downloads_router
from seedjob_operator.seedserver.errors import RefusedError, error_response, refusal_of
from seedjob_operator.seedserver.links import LINK_SECONDS, public_base
from seedjob_operator.seedserver.operations import SHIFT
from seedjob_operator.seedserver.platform import ImpossibleError, NoSuchJobError, Platform, WrongStateError
from seedjob_operator.seedserver.records import MICROSECONDS, JobRecord
from seedjob_operator.seedserver.store import NameTakenError
from seedjob_operator.seedserver.streaming import (
    EVENT_ID,
    KEEP_ALIVE_SECONDS,
    STALLED_SECONDS,
    log_events,
    resumed_position,
    start_position,
)

_DEFAULT_LINES = 1000


def _usable(namespace: str, request: Request) -> str:
    """Let a request pass whose credential may use its namespace; whether others exist is not told."""
    credential = getattr(request.state, "credential", None)
    if credential is None:  # below a path that needs none
        raise HTTPException(wire.Status.NOT_FOUND)
    if namespace not in credential.namespaces:
        raise RefusedError(wire.Status.FORBIDDEN, f"this credential can't use namespace {namespace}")
    return namespace


def _changeable(request: Request, namespace: str = Depends(_usable)) -> str:
    """Let a request pass that may change something in its namespace."""
    if not request.state.credential.may_write:
        raise RefusedError(wire.Status.FORBIDDEN, f"this credential may only read in namespace {namespace}")
    return namespace


def _refuse_repeated(request: Request, _: str = Depends(_usable)) -> None:
    """Refuse a parameter that is given twice; for operations that have parameters, others look at none."""
    asked = [name for name, _ in request.query_params.multi_items()]
    repeated = next((name for name in asked if asked.count(name) > 1), None)
    if repeated is not None:
        raise RefusedError(wire.Status.BAD_REQUEST, f"{repeated}: is given more than once; give it once")


_ONCE_EACH = Depends(_refuse_repeated)


def create_application(platform: Platform, *, public_url: str | None = None) -> FastAPI:
    """Make the application. It expects `AccessMiddleware` in front, which puts the credential into the state.

    `public_url` is what links begin with; left out, it is the address that a request came to.
    """
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    app.state.public_url = public_url
    described = openapi.document()
    _add_reads(app, platform)
    _add_logs(app, platform)
    _add_writes(app, platform)
    _add_error_answers(app)
    app.include_router(downloads_router(platform))

    @app.get("/healthz")
    async def healthz() -> Response:
        return PlainTextResponse("ok\n")

    @app.get("/_inventory")
    async def inventory() -> Response:
        return _json(platform.inventory.published())

    @app.get("/openapi.json")
    async def description() -> Response:
        return Response(described, media_type=wire.JSON_TYPE)

    return app


def _json(body: str, status: int = wire.Status.OK) -> Response:
    return Response(body, status_code=status, media_type=wire.JSON_TYPE)


def _add_reads(app: FastAPI, platform: Platform) -> None:
    @app.get(wire.LIST_JOBS, dependencies=[_ONCE_EACH])
    async def list_jobs(
        *,
        request: Request,
        namespace: str = Depends(_usable),
        status: requests.StatusQuery = None,
        page: requests.PageQuery = 1,
        per_page: requests.PerPageQuery = wire.DEFAULT_PER_PAGE,
        sort: requests.SortQuery = wire.JobSort.CREATED_AT,
        order: requests.OrderQuery = wire.SortOrder.DESC,
    ) -> Response:
        records, total = platform.store.page(
            namespace,
            status=None if status is None else wire.JobStatus(status),
            sort=sort,
            order=order,
            offset=max((page - 1) * per_page + request.scope.get(SHIFT, 0), 0),
            limit=per_page,
        )
        return _json(answers.page_body(records, page=page, per_page=per_page, total=total, now=platform.now))

    @app.get(wire.GET_JOB)
    async def get_job(request: Request, name: str, namespace: str = Depends(_usable)) -> Response:
        return _job(request, platform, platform.find(namespace, name))

    @app.get(wire.GET_ANALYTICS)
    async def get_analytics(name: str, namespace: str = Depends(_usable)) -> Response:
        record = platform.find(namespace, name)
        usage, samples = platform.store.usage(record.id), platform.store.samples(record.id)
        return _json(answers.analytics_body(record, usage, samples, now=platform.now))


def _add_logs(app: FastAPI, platform: Platform) -> None:
    @app.get(wire.GET_LOGS, dependencies=[_ONCE_EACH])
    async def get_logs(
        *,
        request: Request,
        name: str,
        namespace: str = Depends(_usable),
        tail: requests.TailQuery = None,
        since: requests.SinceQuery = None,
        stream: requests.StreamQuery = "false",
    ) -> Response:
        record, resume = platform.find(namespace, name), _event_id(request)
        if stream == "true":
            return await _stream(platform, record, resume=resume, tail=tail, since=since)
        path = platform.folders.log(record.id)
        return _json(await asyncio.to_thread(_log_body, path, tail=tail, since=since))


def _event_id(request: Request) -> int | None:
    """Give the event behind which to go on; one that can't be any is refused, also where nobody asked for a stream."""
    given = request.headers.get(wire.Header.LAST_EVENT_ID)
    if given is None:
        return None
    if not re.search(EVENT_ID, given):
        message = f"{wire.Header.LAST_EVENT_ID}: send the id of an event of this job's log"
        raise RefusedError(wire.Status.BAD_REQUEST, message)
    return int(given)


def _log_body(path: Path, *, tail: int | None, since: int | None) -> str:
    """Give the last lines; of those after a time the first ones, so that one can go on from the last of them."""
    if since is not None and tail is None:
        return excerpts.first_after(path, since)
    return excerpts.newest(path, tail or _DEFAULT_LINES, since=since)


async def _stream(
    platform: Platform, record: JobRecord, *, resume: int | None, tail: int | None, since: int | None
) -> Response:
    if record.status is not wire.JobStatus.RUNNING:
        raise WrongStateError(f"job {record.name} is {record.status.value}: only a running job's log can be streamed")
    path = platform.folders.log(record.id)
    if resume is None:
        position = await asyncio.to_thread(start_position, path, tail=tail, since=since)
    else:
        position = await asyncio.to_thread(resumed_position, path, resume)
    events = log_events(platform, record, position)
    return EventSourceResponse(events, ping=KEEP_ALIVE_SECONDS, send_timeout=STALLED_SECONDS)


def _add_writes(app: FastAPI, platform: Platform) -> None:
    @app.post(wire.CREATE_JOB)
    async def create_job(request: Request, namespace: str = Depends(_changeable)) -> Response:
        record = await platform.create(namespace, await requests.read_new_job(request))
        return _job(request, platform, record, status=wire.Status.CREATED)

    @app.post(wire.CANCEL_JOB)
    async def cancel_job(request: Request, name: str, namespace: str = Depends(_changeable)) -> Response:
        return _job(request, platform, await platform.cancel(namespace, name))

    @app.delete(wire.DELETE_JOB, dependencies=[_ONCE_EACH])
    async def delete_job(
        name: str, namespace: str = Depends(_changeable), delete_artifacts: requests.DeleteArtifactsQuery = "false"
    ) -> Response:
        await platform.delete(namespace, name, delete_artifacts=delete_artifacts == "true")
        return Response(status_code=wire.Status.NO_CONTENT)


def _job(request: Request, platform: Platform, record: JobRecord, *, status: int = wire.Status.OK) -> Response:
    usage, retries = platform.store.usage(record.id), platform.retries_of(record)
    expires = platform.now // MICROSECONDS + LINK_SECONDS
    path = platform.links.signed(record.namespace, record.id, expires=expires)
    link = answers.Link(public_base(request) + path, expires)
    return _json(answers.job_body(record, usage, retries=retries, now=platform.now, link=link), status)


def _add_error_answers(app: FastAPI) -> None:
    simple: dict[type[Exception], tuple[int, str]] = {
        NoSuchJobError: (wire.Status.NOT_FOUND, "job_not_found"),
        WrongStateError: (wire.Status.CONFLICT, "wrong_state"),
        ImpossibleError: (wire.Status.UNPROCESSABLE, "invalid_combination"),
    }

    async def by_kind(_: Request, error: Exception) -> Response:
        status, code = simple[type(error)]
        return error_response(status, str(error), code=code)

    for kind in simple:
        app.add_exception_handler(kind, by_kind)

    @app.exception_handler(NameTakenError)
    async def name_taken(_: Request, error: NameTakenError) -> Response:
        message = f"name: a job {error} exists in this namespace; take another name, or delete that job"
        return error_response(wire.Status.CONFLICT, message, code="name_taken")

    @app.exception_handler(RefusedError)
    async def refused(_: Request, error: RefusedError) -> Response:
        return error_response(error.status, error.message, code=error.code, details=error.details)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        refusal = refusal_of(error.errors())
        return error_response(refusal.status, refusal.message, details=refusal.details)

    @app.exception_handler(HTTPException)
    async def of_http(_: Request, error: HTTPException) -> Response:
        message = {404: "there is no such path", 405: "this path doesn't have this method"}.get(error.status_code)
        return error_response(error.status_code, message or str(error.detail), headers=error.headers)

    @app.exception_handler(Exception)
    async def failed(_request: Request, _error: Exception) -> Response:
        return error_response(wire.Status.ORCHESTRATION_FAILURE, "the Seed server failed; its own log says why")
