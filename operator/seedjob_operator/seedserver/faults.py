"""Faults on demand, and what checks of a client count: `/_control`, for this machine only.

It stands in front of the access checks: refused requests are counted too.
"""

import asyncio
import ipaddress
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from seedjob_operator.seedapi.wire import Header, Status
from seedjob_operator.seedserver.answers import time_of
from seedjob_operator.seedserver.errors import RefusedError, error_response
from seedjob_operator.seedserver.operations import OPERATIONS, Asked, operation_of
from seedjob_operator.seedserver.platform import Platform

CLOSE: Final = "seed.close"
"""Key in a request's scope: a function that closes its connection."""
_REMEMBERED = 10_000


class Fault(BaseModel):
    """What shall go wrong with the next `count` requests of an operation.

    `drop`: the work is done, then the connection is closed without an answer. `fail`: nothing is done, the answer has
    `status`. `delay`: it is carried out `seconds` later.
    """

    model_config = ConfigDict(extra="forbid")

    operation: Literal["list", "get", "logs", "analytics", "create", "cancel", "delete", "any"]
    kind: Literal["drop", "fail", "delay"]
    count: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    status: Annotated[int, Field(ge=400, le=599)] = 500
    retry_after: Annotated[int, Field(ge=0)] | None = None
    seconds: Annotated[float, Field(ge=0, le=600)] = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    at: str
    operation: str
    namespace: str
    name: str
    status: int | None
    """None: no answer was given."""


class Faults:
    """The faults that are switched on, and the requests so far."""

    def __init__(self) -> None:
        self.active: list[Fault] = []
        self.recent: deque[_Seen] = deque(maxlen=_REMEMBERED)
        self.counts: Counter[str] = Counter()

    def take(self, operation: str, *kinds: str) -> list[Fault]:
        """Give the faults of these kinds that are due for a request, each counted down."""
        due = [fault for fault in self.active if fault.operation in (operation, "any") and fault.kind in kinds]
        for fault in due:
            fault.count -= 1
        self.active = [fault for fault in self.active if fault.count]
        return due

    def note(self, asked: Asked, *, at: int, status: int | None) -> None:
        """Remember a request."""
        self.counts[asked.operation] += 1
        about = {"operation": asked.operation, "namespace": asked.namespace, "name": asked.name}
        self.recent.append(_Seen(at=time_of(at).isoformat(), status=status, **about))


class FaultMiddleware:
    """Counts requests, and makes go wrong what shall."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app, self._faults = app, faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or not (ASGI)."""
        asked = operation_of(scope["method"], scope["path"]) if scope["type"] == "http" else None
        if asked is None:
            await self._app(scope, receive, send)
            return
        answer = _Answer(self._faults, asked.operation, close=scope[CLOSE], send=send)
        at = time.time_ns() // 1000
        try:
            await self._carry_out(asked, scope, receive, answer)
        finally:
            self._faults.note(asked, at=at, status=answer.status)

    async def _carry_out(self, asked: Asked, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        due = self._faults.take(asked.operation, "delay", "fail")
        await asyncio.sleep(sum(fault.seconds for fault in due if fault.kind == "delay"))
        failing = next((fault for fault in due if fault.kind == "fail"), None)
        if failing is None:
            await self._app(scope, receive, answer.send)
            return
        wait: dict[str, str] = {} if failing.retry_after is None else {Header.RETRY_AFTER: str(failing.retry_after)}
        await error_response(failing.status, "a fault that was asked for", headers=wait)(scope, receive, answer.send)


class _Answer:
    """Passes an answer on, or drops it: a success only, so that what is counted is work that was done."""

    def __init__(self, faults: Faults, operation: str, *, close: Callable[[], None], send: Send) -> None:
        self.status: int | None = None
        self._faults, self._operation, self._close, self._send = faults, operation, close, send
        self._dropped = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if message["status"] < HTTPStatus.BAD_REQUEST and self._faults.take(self._operation, "drop"):
                self._dropped = True
                self._close()
                await asyncio.sleep(0.01)  # the server must notice it, or it would send an answer of its own
            else:
                self.status = message["status"]
        if not self._dropped:
            await self._send(message)


def _from_this_machine(request: Request) -> None:
    host = request.client.host if request.client else ""
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local:
        raise RefusedError(Status.FORBIDDEN, "faults can be asked for from this machine only")


def control_router(faults: Faults, platform: Platform) -> APIRouter:
    """Make the routes below `/_control`."""
    router = APIRouter(prefix="/_control", include_in_schema=False, dependencies=[Depends(_from_this_machine)])

    @router.get("/ledger")
    async def ledger(namespace: str | None = None, name: str | None = None) -> JSONResponse:
        creates = [
            asdict(entry) | {"created_at": time_of(entry.created_at).isoformat()}
            for entry in platform.store.ledger()
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

    @router.post("/preempt/{namespace}/{name}", status_code=202)
    async def preempt(namespace: str, name: str) -> None:
        await platform.preempt(namespace, name)

    @router.get("/faults")
    async def active_faults() -> dict[str, Any]:
        return {"faults": [fault.model_dump() for fault in faults.active]}

    @router.post("/faults", status_code=201)
    async def add_fault(fault: Fault) -> Fault:
        faults.active.append(fault)
        return fault

    @router.delete("/faults", status_code=204)
    async def clear_faults() -> None:
        faults.active.clear()

    return router
