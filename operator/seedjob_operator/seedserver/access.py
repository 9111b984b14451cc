"""Who may ask, and how often: credentials, namespaces and the plan's rate limit, in front of everything else."""

import hashlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from seedjob_operator.seedapi.wire import AuthScheme, Header, Status
from seedjob_operator.seedserver.errors import RefusedError, error_response
from seedjob_operator.seedserver.links import PREFIX as LINKS_PREFIX
from seedjob_operator.seedserver.ratelimit import Plan, RateLimit, Verdict, whole_seconds

OPEN_PATHS = ("/healthz", "/openapi.json")
CONTROL_PREFIX = "/_control/"
_HOW = "send 'Authorization: Bearer TOKEN' or 'Authorization: API-Key NAME$SECRET'"


@dataclass(frozen=True, kw_only=True)
class Credential:
    """What a token may do: use these namespaces, at this plan's rate (None: without limits)."""

    namespaces: frozenset[str]
    plan: Plan | None
    may_write: bool = True


class Credentials:
    """The tokens that are known here, kept as digests."""

    def __init__(self, tokens: Iterable[tuple[str, Credential]]) -> None:
        self._known = {_digest(token): credential for token, credential in tokens if token}

    def find(self, authorization: str | None) -> tuple[str, Credential]:
        """Give a credential and its key from the header.

        `API-Key NAME$SECRET` is good if the secret is a token, or the whole is.

        Raises:
            RefusedError: 401, saying how to do it right.
        """
        if not authorization:
            raise RefusedError(Status.UNAUTHORIZED, f"no credentials: {_HOW}")
        scheme, _, value = authorization.partition(" ")
        value = value.strip()
        if scheme.lower() == AuthScheme.BEARER.lower():
            candidates = [value]
        elif scheme.lower() == AuthScheme.API_KEY.lower() and "$" in value.strip("$"):
            candidates = [value, value.partition("$")[2]]
        else:
            raise RefusedError(Status.UNAUTHORIZED, f"these credentials can't be read: {_HOW}")
        for digest in map(_digest, candidates):
            if digest in self._known:
                return digest, self._known[digest]
        raise RefusedError(Status.UNAUTHORIZED, "the token is not known here")

    def rotate(self, old: str, new: str) -> bool:
        """Let a new token do what an old one could, and end that; False if there is no such token."""
        credential = self._known.pop(_digest(old), None)
        if credential is not None:
            self._known[_digest(new)] = credential
        return credential is not None


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


class AccessMiddleware:
    """Lets requests pass that may, with their `Credential` in the request's state; puts the limits' headers on answers."""

    def __init__(self, app: ASGIApp, credentials: Credentials, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._app, self._credentials, self._clock = app, credentials, clock
        self._limits: dict[str, RateLimit] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it (ASGI)."""
        if (
            scope["type"] != "http"
            or scope["path"] in OPEN_PATHS
            or scope["path"].startswith((CONTROL_PREFIX, LINKS_PREFIX))
        ):
            await self._app(scope, receive, send)
            return
        try:
            key, credential = self._credentials.find(Headers(scope=scope).get(Header.AUTHORIZATION))
        except RefusedError as error:
            answer = error_response(error.status, error.message, headers={"WWW-Authenticate": AuthScheme.BEARER})
            await answer(scope, receive, send)
            return
        scope.setdefault("state", {})["credential"] = credential
        if credential.plan is None:
            await self._app(scope, receive, send)
            return
        verdict = self._limits.setdefault(key, RateLimit(credential.plan)).check(self._clock())
        if verdict.allowed:
            await self._app(scope, receive, _with_limits(send, verdict))
            return
        seconds = whole_seconds(verdict.retry_after)
        limits = f"{verdict.limit} requests a minute and {credential.plan.burst} a second"
        message = f"the plan's rate limit of {limits} is used up: wait {seconds} s"
        refused = error_response(Status.RATE_LIMITED, message, headers={Header.RETRY_AFTER: str(seconds)})
        await refused(scope, receive, _with_limits(send, verdict))


def _with_limits(send: Send, verdict: Verdict) -> Send:
    """Add the rate limit's headers to the answer; the reset is a time in seconds since 1970."""

    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers[Header.RATE_LIMIT] = str(verdict.limit)
            headers[Header.RATE_LIMIT_REMAINING] = str(verdict.remaining)
            headers[Header.RATE_LIMIT_RESET] = str(whole_seconds(time.time() + verdict.reset_after))
        await send(message)

    return wrapped
