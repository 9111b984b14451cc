"""Makes answers wrong: the middleware that carries the faults out. It changes bodies on their way, and no record.

It stands in front of the access checks: refused requests are counted too, and can go wrong like others.
"""

import asyncio
import json
import re
import time
from collections.abc import MutableMapping
from datetime import datetime, timedelta
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from pydantic import BaseModel
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from seedjob_operator.seedapi import wire
from seedjob_operator.seedserver.errors import error_response
from seedjob_operator.seedserver.faults import (
    Delay,
    Drop,
    Fail,
    Faults,
    Malform,
    Reset,
    Shift,
    Skew,
    Stall,
    Truncate,
    UnknownStatus,
)
from seedjob_operator.seedserver.operations import SHIFT, Asked, operation_of

CLOSE: Final = "seed.close"
"""Key in a request's scope: a function that closes its connection; with True it is reset."""


def _fields(model: type[BaseModel], mark: str) -> set[str]:
    properties = model.model_json_schema()["properties"]
    return {name for name, rules in properties.items() if mark in json.dumps(rules)}


_TIMED = (wire.Job, wire.Artifacts, wire.LogLine, wire.Sample)
_TIMES = "|".join(sorted(set().union(*(_fields(model, "date-time") for model in _TIMED))))
_STATUSES = "|".join(sorted(_fields(wire.Job, "/JobStatus")))
# Quotes inside of JSON's strings are escaped, so that these match fields only, and no text of a user.
_TIME = re.compile(rf'"(?P<name>{_TIMES})":"(?P<time>[^"]+)"'.encode())
_Spoiler = Malform | Truncate | Reset
_STATUS = re.compile(rf'"(?P<name>{_STATUSES})":"[^"]+"'.encode())


class FaultMiddleware:
    """Counts requests, and makes go wrong what shall."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app, self._faults = app, faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or not (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = operation_of(scope["method"], scope["path"])
        if asked is None:
            await self._app(scope, receive, _dated(send, 0))
            return
        skew = sum(fault.seconds for fault in self._faults.due(asked.operation, Skew))
        answer = _Answer(self._faults, asked.operation, scope, _dated(send, skew), skew=skew)
        at = time.time_ns() // 1000
        try:
            await self._carry_out(asked, scope, receive, answer)
        finally:
            self._faults.note(asked, at=at, status=answer.status)

    async def _carry_out(self, asked: Asked, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        due = self._faults.due
        await asyncio.sleep(sum(fault.seconds for fault in due(asked.operation, Delay)))
        failing = due(asked.operation, Fail)
        if failing:
            wait = failing[0].retry_after
            headers: dict[str, str] = {} if wait is None else {wire.Header.RETRY_AFTER: str(wait)}
            refusal = error_response(failing[0].status, "a fault that was asked for", headers=headers)
            await refusal(scope, receive, answer.send)
            return
        scope[SHIFT] = sum(fault.by for fault in due(asked.operation, Shift))
        if answer.skew:
            scope["query_string"] = _in_true_time(scope["query_string"], answer.skew)
        await self._app(scope, receive, answer.send)


class _Answer:
    """Passes an answer on as it is, wrong, in part, or not at all.

    Only successes are tampered with, so that what is counted is work that was done.
    """

    def __init__(self, faults: Faults, operation: str, scope: Scope, send: Send, *, skew: int) -> None:
        self.status: int | None = None
        self.skew = skew
        self._faults, self._operation, self._scope, self._send = faults, operation, scope, send
        self._head: MutableMapping[str, Any] | None = None
        self._over = False
        self._word: str | None = None
        self._spoilers: list[_Spoiler] = []

    async def send(self, message: Message) -> None:
        if self._over:
            return
        if message["type"] == "http.response.start":
            await self._begin(message)
        else:
            await self._go_on(message)

    async def _begin(self, head: Message) -> None:
        if head["status"] < HTTPStatus.BAD_REQUEST and self._faults.due(self._operation, Drop):
            await self._end_connection(reset=False)
            return
        self.status = head["status"]
        if head["status"] < HTTPStatus.BAD_REQUEST and head["status"] != HTTPStatus.NO_CONTENT:
            self._decide(MutableHeaders(scope=head))
        if "content-length" in MutableHeaders(scope=head) and (self._spoilers or self._word or self.skew):
            self._head = head  # until the body shows how long it is
        else:
            await self._send(head)

    def _decide(self, headers: MutableHeaders) -> None:
        self._word = next((fault.word for fault in self._faults.due(self._operation, UnknownStatus)), None)
        for kind in (Malform, Truncate, Reset):
            self._spoilers += self._faults.due(self._operation, kind)
        for fault in self._spoilers:
            if isinstance(fault, Malform) and fault.content_type is not None:
                headers["content-type"] = fault.content_type

    async def _go_on(self, message: Message) -> None:
        body, more = self._translated(message.get("body", b"")), message.get("more_body", False)
        reset = False
        if body and self._spoilers:  # the first piece of a stream is spoilt, and is the last one
            more, promised = False, len(body)
            for fault in self._spoilers:
                body = fault.body.encode() if isinstance(fault, Malform) else body[: len(body) // 2]
                reset = reset or isinstance(fault, Reset)
            await self._send_head(promised if reset else len(body))
        else:
            await self._send_head(len(body))
            body = await self._stalled(body)
        await self._send({"type": "http.response.body", "body": body, "more_body": more or reset})
        if reset:
            await self._end_connection(reset=True)
        self._over = not more

    async def _stalled(self, body: bytes) -> bytes:
        """Send the first half where the rest shall take its time; give what is left."""
        stalls = self._faults.due(self._operation, Stall) if body and self.status == HTTPStatus.OK else []
        if not stalls:
            return body
        half = len(body) // 2
        await self._send({"type": "http.response.body", "body": body[:half], "more_body": True})
        await asyncio.sleep(sum(fault.seconds for fault in stalls))
        return body[half:]

    async def _send_head(self, length: int) -> None:
        if self._head is not None:
            head, self._head = self._head, None
            MutableHeaders(scope=head)["content-length"] = str(length)
            await self._send(head)

    def _translated(self, body: bytes) -> bytes:
        if self.skew:
            body = _TIME.sub(lambda found: _later(found, self.skew), body)
        if self._word is not None:
            body = _STATUS.sub(lambda found: b'"%b":"%b"' % (found["name"], str(self._word).encode()), body)
        return body

    async def _end_connection(self, *, reset: bool) -> None:
        self._over = True
        self._scope[CLOSE](reset)
        await asyncio.sleep(0.01)  # the server must notice it, or it would send an answer of its own


def _later(found: re.Match[bytes], seconds: int) -> bytes:
    try:
        time_there = datetime.fromisoformat(found["time"].decode()) + timedelta(seconds=seconds)
    except (ValueError, OverflowError):
        return found[0]
    return b'"%b":"%b"' % (found["name"], time_there.isoformat().replace("+00:00", "Z").encode())


def _in_true_time(query: bytes, skew: int) -> bytes:
    """Translate a time in the query, which is one of the wrong clock."""
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    return urlencode(
        [(name, _earlier(value, skew) if name == wire.Query.SINCE else value) for name, value in pairs]
    ).encode()


def _earlier(text: str, seconds: int) -> str:
    try:
        return (datetime.fromisoformat(text.replace(" ", "+")) - timedelta(seconds=seconds)).isoformat()
    except (ValueError, OverflowError):
        return text


def _dated(send: Send, skew: int) -> Send:
    """Tell the time on answers, by a clock that may be wrong."""

    async def dated(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers[wire.Header.DATE] = formatdate(time.time() + skew, usegmt=True)
            if skew and wire.Header.RATE_LIMIT_RESET in headers:
                headers[wire.Header.RATE_LIMIT_RESET] = str(int(headers[wire.Header.RATE_LIMIT_RESET]) + skew)
        await send(message)

    return dated
