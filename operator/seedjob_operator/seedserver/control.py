"""`/_control`, for this machine only: switches faults on, and tells what checks of a client count."""

import asyncio
import ipaddress
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, Final, TypeVar

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError
from starlette.responses import JSONResponse, Response

from seedjob_operator.seedapi.wire import Status
from seedjob_operator.seedserver.access import Credentials
from seedjob_operator.seedserver.answers import time_of
from seedjob_operator.seedserver.errors import RefusedError, refusal_of
from seedjob_operator.seedserver.faults import FAULT, KINDS, Faults
from seedjob_operator.seedserver.operations import OPERATIONS
from seedjob_operator.seedserver.platform import Platform
from seedjob_operator.seedserver.requests import json_body
from seedjob_operator.seedserver.store import Store

_T = TypeVar("_T")
_ANSWERED_SECONDS = 0.05  # for the answer to leave before nothing does


class _Freeze(BaseModel):
    model_config = ConfigDict(extra="forbid")

    seconds: Annotated[float, Field(gt=0, le=600)]


class _Rotation(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    old: str
    new: Annotated[str, StringConstraints(pattern=r"^[!-~]{4,}$")]


_FREEZE: Final = TypeAdapter(_Freeze)
_ROTATION: Final = TypeAdapter(_Rotation)
_NOT_DIRECT = ("origin", "forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
"""What web pages and proxies say of themselves."""


def _from_this_machine(request: Request) -> None:
    """Pass only a program on this machine.

    No other one, also not through a proxy here, and no web page, which names its origin or a host of its own.
    """
    host = request.client.host if request.client else ""
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    named = (request.url.hostname or "").strip("[]")
    passed_on = any(name in request.headers for name in _NOT_DIRECT)
    if not local or passed_on or named not in {"127.0.0.1", "::1", "localhost"}:
        raise RefusedError(Status.FORBIDDEN, "faults can be asked for from this machine only")


def control_router(faults: Faults, platform: Platform, credentials: Credentials) -> APIRouter:
    """Make the routes below `/_control`."""
    router = APIRouter(prefix="/_control", dependencies=[Depends(_from_this_machine)])
    _add_counts(router, faults, platform.store)
    _add_faults(router, faults)

    @router.post("/preempt/{namespace}/{name}", status_code=202)
    async def preempt(namespace: str, name: str) -> Response:
        """Take its room from a running spot job."""
        await platform.preempt(namespace, name)
        return Response(status_code=202)

    @router.post("/freeze", status_code=202)
    async def freeze(request: Request) -> Response:
        """Stop the whole server for a while, as a stopped process or a swapped machine would: nothing is answered."""
        wanted = await _read(request, _FREEZE)
        asyncio.get_running_loop().call_later(_ANSWERED_SECONDS, time.sleep, wanted.seconds)
        return Response(status_code=202)

    @router.post("/credentials", status_code=204)
    async def rotate(request: Request) -> Response:
        wanted = await _read(request, _ROTATION)
        if not credentials.rotate(wanted.old, wanted.new):
            raise RefusedError(Status.NOT_FOUND, "old: is no token of this server; give the one that shall end")
        return Response(status_code=204)

    return router


def switched_off() -> APIRouter:
    """Make the routes below `/_control` of a server without faults: all say so."""
    router = APIRouter(prefix="/_control")

    @router.api_route("/{anything:path}", methods=["GET", "POST", "DELETE"])
    async def refuse() -> None:
        raise RefusedError(Status.NOT_FOUND, "faults are switched off here: start the server with --enable-faults")

    return router


def _add_counts(router: APIRouter, faults: Faults, store: Store) -> None:
    @router.get("/ledger")
    async def ledger(namespace: str | None = None, name: str | None = None) -> JSONResponse:
        creates = [
            asdict(entry) | {"created_at": time_of(entry.created_at).isoformat()}
            for entry in store.ledger()
            if namespace in (None, entry.namespace) and name in (None, entry.name)
        ]
        return JSONResponse({"creates": creates})

    @router.get("/requests")
    async def requests() -> JSONResponse:
        counts = {operation: faults.counts[operation] for operation in OPERATIONS}
        return JSONResponse({"counts": counts, "recent": [asdict(seen) for seen in faults.recent]})

    @router.delete("/requests", status_code=204)
    async def forget_requests() -> None:
        faults.counts.clear()
        faults.recent.clear()


def _add_faults(router: APIRouter, faults: Faults) -> None:
    @router.get("/faults")
    async def active_faults() -> JSONResponse:
        return JSONResponse({"faults": faults.described()})

    @router.post("/faults", status_code=201)
    async def add_fault(request: Request) -> JSONResponse:
        fault = await _read(request, FAULT)
        faults.add(fault)
        return JSONResponse(fault.model_dump(), status_code=201)

    @router.delete("/faults", status_code=204)
    async def clear_faults() -> None:
        faults.clear()


async def _read(request: Request, expected: TypeAdapter[_T]) -> _T:
    try:
        return expected.validate_json(await json_body(request))
    except ValidationError as error:
        raise _refusal(error) from None


def _refusal(error: ValidationError) -> RefusedError:
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    if problems[0]["type"] == "json_invalid":
        return RefusedError(Status.BAD_REQUEST, "the body is not valid JSON")
    if problems[0]["type"].startswith("union_tag"):
        return RefusedError(Status.BAD_REQUEST, f"kind: write one of {', '.join(KINDS)}")
    return refusal_of([_without_kind(dict(problem)) for problem in problems])


def _without_kind(problem: Mapping[str, Any]) -> Mapping[str, Any]:
    """A place in a fault begins with its kind, which isn't the field's name."""
    place = problem["loc"]
    return dict(problem) | {"loc": place[1:] if place and place[0] in KINDS else place}
