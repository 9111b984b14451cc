"""Reads the platform's answers: bounded, tolerant, and each bad one as an error of our tree."""

import json
from collections.abc import AsyncIterable, Collection, Iterator, Mapping
from datetime import datetime
from typing import TypeVar, cast

import httpx
import orjson
from pydantic import BaseModel, ValidationError

from seedjob_operator.seedapi import errors, redaction, wire
from seedjob_operator.seedapi.ratelimit import read_retry_after, wait_after_429

MAX_BODY = 8 * 1024 * 1024
"""Bytes that an answer, or one event of a stream, may have."""
_MAX_ERROR_BODY = 64 * 1024
_MESSAGE_LENGTH = 500
_SHORTEST_SECRET = 4
"""Shorter values aren't masked: every digit of a message would go with an environment value of `1`."""

_M = TypeVar("_M", bound=BaseModel)

_BY_STATUS: Mapping[int, tuple[type[errors.SeedError], str]] = {
    wire.Status.BAD_REQUEST: (errors.SpecRejectedError, "The platform refused the request."),
    wire.Status.UNAUTHORIZED: (errors.UnauthorizedError, "The platform doesn't accept the credential"),
    wire.Status.FORBIDDEN: (errors.ForbiddenError, "The credential may not do this on the platform"),
    wire.Status.NOT_FOUND: (errors.NotFoundError, "The platform has no such job or namespace"),
    wire.Status.CONFLICT: (errors.ConflictError, "The platform has the job in a state that doesn't allow this"),
    wire.Status.UNPROCESSABLE: (
        errors.SpecRejectedError,
        "The platform refused the combination of GPU, CPU and memory.",
    ),
    wire.Status.RATE_LIMITED: (errors.RateLimitedError, "The platform's rate limit is used up"),
}


def _pieces(response: httpx.Response) -> AsyncIterable[bytes]:
    """Give a body as it comes: httpx's way through its decoders costs as much as the whole request."""
    plain = isinstance(response.stream, httpx.AsyncByteStream) and "content-encoding" not in response.headers
    return cast("httpx.AsyncByteStream", response.stream) if plain else response.aiter_bytes()


async def read_bounded(response: httpx.Response, *, write: bool) -> bytes:
    """Read the body of a success as long as it stays within the bound.

    Raises:
        UnreadableAnswerError: it has more bytes, and the rest isn't read; or its encoding is broken.
    """
    content = bytearray()
    try:
        async for chunk in _pieces(response):
            content += chunk
            if len(content) > MAX_BODY:
                raise _unreadable("The platform's answer is larger than 8 MiB.", response, write=write)
    except httpx.DecodingError:
        raise _unreadable("The platform's answer can't be decoded.", response, write=write) from None
    return bytes(content)


def _unreadable(text: str, response: httpx.Response, *, write: bool) -> errors.UnreadableAnswerError:
    return errors.UnreadableAnswerError(text, status=response.status_code, outcome_unknown=write)


async def read_beginning(response: httpx.Response) -> bytes:
    """Read what is to be had of a body that only adds words to its status: no flaw of it hides the status."""
    content = bytearray()
    try:
        async for chunk in _pieces(response):
            content += chunk
            if len(content) > _MAX_ERROR_BODY:
                return b""
    except (httpx.TransportError, httpx.DecodingError):
        return b""
    return bytes(content)


def parsed(content: bytes | str, model: type[_M], *, write: bool = False, status: int | None = None) -> _M:
    """Read the body of a good answer.

    Raises:
        UnreadableAnswerError: it isn't what the contract says; of a write nobody knows whether it was carried out.
    """
    try:
        return model.model_validate(_read(content))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        why = f"{'.'.join(str(part) for part in first['loc']) or 'body'}: {first['msg']}"
    except (ValueError, RecursionError):
        why = "it isn't JSON"
    text = f"The platform's answer isn't one of the Seed API ({why})."
    raise errors.UnreadableAnswerError(text, status=status, outcome_unknown=write)


def _read(content: bytes | str) -> object:
    """Read JSON. What the fast reader refuses the tolerant one may read: half a character, a number that is none."""
    try:
        return orjson.loads(content)
    except ValueError:
        return json.loads(content)


def error_for(
    response: httpx.Response, content: bytes, *, now: datetime, secrets: Collection[str], write: bool
) -> errors.SeedError:
    """Give the error that an answer is."""
    status = response.status_code
    if response.is_redirect or response.has_redirect_location or 300 <= status < 400:
        return errors.RedirectRefusedError(redacted(_redirect_text(response), secrets), status=status)
    kind, told = _BY_STATUS.get(status, (_unlisted(status), f"The platform failed (status {status})"))
    own_words = redacted(_own_words(content), secrets)
    return kind(
        _sentence(told, own_words, alone=kind is errors.SpecRejectedError),
        status=status,
        retry_after=_retry_after(response, now),
        outcome_unknown=write and kind is errors.OrchestrationError,
    )


def _unlisted(status: int) -> type[errors.SeedError]:
    return errors.OrchestrationError if status >= wire.Status.ORCHESTRATION_FAILURE else errors.UnreadableAnswerError


def _sentence(told: str, own_words: str, *, alone: bool) -> str:
    """Put the platform's words behind ours; those about the job itself stand alone."""
    if alone:
        return own_words or told
    text = f"{told}: {own_words}" if own_words else told
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _retry_after(response: httpx.Response, now: datetime) -> float | None:
    if response.status_code == wire.Status.RATE_LIMITED:
        return wait_after_429(response.headers, now=now)
    return read_retry_after(response.headers, now=now)


def _redirect_text(response: httpx.Response) -> str:
    """Name the server that a redirect points to, and no more of the address: the rest may be signed."""
    text = f"The platform answered with a redirect (status {response.status_code})"
    try:
        target = httpx.URL(response.headers.get("location", ""))
    except httpx.InvalidURL:
        return f"{text}, which isn't followed."
    where = f" to {target.scheme}://{target.host}" if target.host else ""
    return f"{text}{where}, which isn't followed."


def _own_words(content: bytes) -> str:
    """Give the message of the platform's error body; empty where there is none."""
    try:
        return wire.error_message(json.loads(content)) or ""
    except (ValueError, RecursionError):
        return ""


def redacted(text: str, secrets: Collection[str]) -> str:
    """Bring a foreign text onto one line, without secrets and signatures, and cut it."""
    for secret in sorted(_parts(secrets), key=len, reverse=True):
        text = text.replace(secret, "***")
    line = " ".join(redaction.unsigned(text).split())
    printable = "".join(character for character in line if character.isprintable())
    return printable if len(printable) <= _MESSAGE_LENGTH else f"{printable[: _MESSAGE_LENGTH - 1]}…"


def _parts(secrets: Collection[str]) -> Iterator[str]:
    """A secret of several lines may be quoted line by line."""
    for secret in secrets:
        lines = {secret, secret.strip(), *(line.strip() for line in secret.splitlines())}
        yield from (part for part in lines if len(part) >= _SHORTEST_SECRET)
