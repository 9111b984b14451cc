"""How requests travel: the one HTTP client's settings, and what its failures are in our tree."""

import contextlib
import dataclasses
import functools
import ssl
from collections.abc import Iterator
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


def open_client(
    account: Account, *, timeouts: Timeouts, transport: httpx.AsyncBaseTransport | None
) -> httpx.AsyncClient:
    """Make an account's HTTP client. Nothing of the environment but the trusted certificates changes what it does."""
    return httpx.AsyncClient(
        base_url=account.endpoint,
        headers={
            wire.Header.AUTHORIZATION.value: account.authorization,
            "Accept": wire.JSON_TYPE,
            # Answers are small, and a compressed one could unfold to a thousand times its size before it's measured.
            "Accept-Encoding": "identity",
            "User-Agent": "seedjob-operator",
        },
        timeout=timeouts.for_answer(),
        follow_redirects=False,
        trust_env=False,
        verify=_trusted_certificates(),
        transport=transport
        or AiohttpTransport(connections=MOST_READS + MOST_WRITES + MOST_STREAMS, trusted=_trusted_certificates()),
    )


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
