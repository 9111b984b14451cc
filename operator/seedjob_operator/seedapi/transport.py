"""How requests travel: put together, sent, and what goes wrong on the way as errors of our tree."""

import contextlib
import dataclasses
import functools
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Final

import httpx
import httpx_sse

from seedjob_operator.seedapi import errors, wire
from seedjob_operator.seedapi.account import Account
from seedjob_operator.seedapi.aiohttp_transport import AiohttpTransport

MOST_READS: Final = 32
MOST_WRITES: Final = 8
MOST_STREAMS: Final = 8
"""Requests under way at once, of each kind. Their sum is the size of the pool, so that its own time-out never strikes,
and no read can keep a cancel waiting."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Timeouts:
    """Seconds: to connect, between two pieces of an answer, for the whole of one, and between two of a log stream."""

    connect: float = 5.0
    read: float = 30.0
    total: float = 60.0
    stream_idle: float = 90.0

    def for_answer(self) -> httpx.Timeout:
        """Give the time-outs of a request with one answer."""
        return httpx.Timeout(self.read, connect=self.connect)

    def for_stream(self) -> httpx.Timeout:
        """Give the time-outs of a log stream, whose keep-alive comments count as pieces."""
        return httpx.Timeout(self.stream_idle, connect=self.connect)


class Channel:
    """Sends an account's requests, each put together from prepared parts and given to the transport as it is.

    What a client of httpx's adds to that is switched off here (redirects, cookies, the environment), and going through it
    costs more than sending. Nothing of the environment but the trusted certificates changes what this does.
    """

    def __init__(self, account: Account, *, transport: httpx.AsyncBaseTransport | None) -> None:
        self._endpoint = account.endpoint
        self._transport = transport or AiohttpTransport(
            connections=MOST_READS + MOST_WRITES + MOST_STREAMS, trusted=_trusted_certificates()
        )
        self._headers = httpx.Headers(
            {
                "Host": httpx.URL(account.endpoint).netloc.decode("ascii"),
                wire.Header.AUTHORIZATION.value: account.authorization,
                "Connection": "keep-alive",
                "Accept": wire.JSON_TYPE,
                # Answers are small, and a compressed one could unfold to a thousand times its size before it's measured.
                "Accept-Encoding": "identity",
                "User-Agent": "seedjob-operator",
            }
        )
        self._json_headers = httpx.Headers([*self._headers.raw, (b"Content-Type", wire.JSON_TYPE.encode())])

    @contextlib.asynccontextmanager
    async def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str],
        content: bytes | None,
        headers: Mapping[bytes, bytes],
        timeout: httpx.Timeout,  # noqa: ASYNC109  # the transport's
    ) -> AsyncIterator[httpx.Response]:
        """Send a request, and give its answer as soon as the head is there; the body is left to be read."""
        response = await self._transport.handle_async_request(
            httpx.Request(
                method,
                _address(self._endpoint + path, tuple(query.items())),
                headers=self._headers_for(content, headers),
                stream=httpx.ByteStream(content or b""),  # with `content` httpx would look for headers to add
                extensions={"timeout": timeout.as_dict()},
            )
        )
        try:
            yield response
        finally:
            await response.aclose()

    def _headers_for(self, content: bytes | None, headers: Mapping[bytes, bytes]) -> httpx.Headers:
        prepared = self._headers if content is None else self._json_headers
        if not headers:
            return prepared
        added = prepared.copy()
        added.update(httpx.Headers(headers))
        return added

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()


@functools.lru_cache(maxsize=256)  # creates and lists go to the same few again and again
def _address(location: str, query: tuple[tuple[str, str], ...]) -> httpx.URL:
    return httpx.URL(location, params=dict(query)) if query else httpx.URL(location)


@functools.cache
def _trusted_certificates() -> ssl.SSLContext:
    """Load the authorities once, not for each account; SSL_CERT_FILE and SSL_CERT_DIR name others."""
    return httpx.create_ssl_context()


@contextlib.contextmanager
def failures_as_ours(*, endpoint: str, write: bool) -> Iterator[None]:
    """Turn what httpx and asyncio raise into our tree.

    Causes are dropped: some quote headers. What a user needs of them is in the message.
    """
    try:
        yield
    except (httpx.ConnectTimeout, httpx.PoolTimeout):
        raise errors.UnreachableError(f"The platform at {endpoint} can't be reached: no connection in time.") from None
    except httpx.ConnectError as error:
        raise errors.UnreachableError(f"The platform at {endpoint} can't be reached: {_reason(error)}.") from None
    except (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL):
        raise errors.InvalidRequestError("The request can't be written as HTTP; it was not sent.") from None
    except (TimeoutError, httpx.TimeoutException):
        text = f"The platform at {endpoint} didn't answer in time."
        raise errors.NoAnswerError(text, outcome_unknown=write) from None
    except (httpx.DecodingError, httpx_sse.SSEError):
        raise errors.UnreadableAnswerError("The platform's answer can't be decoded.", outcome_unknown=write) from None
    except httpx.TransportError:
        text = f"The connection to the platform at {endpoint} broke off."
        raise errors.NoAnswerError(text, outcome_unknown=write) from None


def _reason(error: httpx.ConnectError) -> str:
    return " ".join(str(error).split()).rstrip(".") or "the connection was refused"
