"""httpx on aiohttp's connections: its parser is C, and a request costs less than half of what httpcore takes for it.

httpx stays the client; this is the transport under it, a seam that httpx documents. What matters here is what a failure
says: a create of which it was said that nothing was sent is sent again, so only a connection that never came to be may say
so. The package that offers the same (httpx-aiohttp) takes a connection that broke off for one that wasn't made in time.
"""

import contextlib
import ssl
from collections.abc import AsyncIterator, Iterator

import aiohttp
import httpx
from yarl import URL

_NOT_ADDED = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
"""Headers that aiohttp would add by itself: all that are to be sent are written by then."""
_KEPT_SECONDS = 30.0


class AiohttpTransport(httpx.AsyncBaseTransport):
    """Sends requests over at most `connections` connections; each request once, wherever it goes wrong."""

    def __init__(self, *, connections: int, trusted: ssl.SSLContext) -> None:
        self._connections = connections
        self._trusted = trusted
        self._opened: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, and give its answer as soon as the head is there; raises what httpx's own transport does."""
        timeout = request.extensions.get("timeout", {})
        with _failures_as_of_httpx():
            answer = await self._session.request(
                request.method,
                URL(str(request.url), encoded=True),
                headers=request.headers.multi_items(),
                data=await request.aread() or None,
                skip_auto_headers=_NOT_ADDED,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(connect=timeout.get("connect"), sock_read=timeout.get("read")),
            )
        return httpx.Response(answer.status, headers=answer.raw_headers, stream=_Body(answer), request=request)

    @property
    def _session(self) -> aiohttp.ClientSession:
        """The session, made in the event loop that uses it."""
        if self._opened is None:
            self._opened = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._connections, keepalive_timeout=_KEPT_SECONDS, ssl=self._trusted
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                middlewares=(_send_once,),
            )
        return self._opened

    async def aclose(self) -> None:
        """Close all connections."""
        if self._opened is not None:
            await self._opened.close()


class _Body(httpx.AsyncByteStream):
    """An answer's body, in the pieces in which it comes."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _failures_as_of_httpx():
            async for piece in self._answer.content.iter_any():
                yield piece

    async def aclose(self) -> None:
        """Give the connection back; one on which more would come is closed."""
        self._answer.release()


async def _send_once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending a get or delete again by itself: the budget counts each request."""
    with _failures_as_of_httpx():
        return await send(request)


@contextlib.contextmanager
def _failures_as_of_httpx() -> Iterator[None]:
    """Raise what httpx would. `ConnectError` and `ConnectTimeout` alone say that nothing was sent."""
    try:
        yield
    except aiohttp.ClientConnectorError as error:
        raise httpx.ConnectError(str(error)) from error
    except aiohttp.ConnectionTimeoutError as error:
        raise httpx.ConnectTimeout("no connection in time") from error
    except TimeoutError as error:
        raise httpx.ReadTimeout("no answer in time") from error
    except aiohttp.InvalidURL as error:
        raise httpx.UnsupportedProtocol("this address can't be asked") from error
    except (aiohttp.ClientResponseError, aiohttp.ClientPayloadError) as error:
        raise httpx.RemoteProtocolError("the answer isn't HTTP, or is cut short") from error
    except (aiohttp.ClientError, OSError) as error:
        raise httpx.ReadError("the connection broke off") from error
    except ValueError as error:
        raise httpx.LocalProtocolError("the request can't be written as HTTP") from error
