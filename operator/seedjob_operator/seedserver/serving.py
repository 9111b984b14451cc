"""Puts the platform on a socket: uvicorn, the middleware around the application, and a graceful end."""

import asyncio
import contextlib
import logging
import signal
import socket
import struct
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from seedjob_operator.seedapi.wire import JSON_TYPE
from seedjob_operator.seedserver.access import AccessMiddleware, Credentials
from seedjob_operator.seedserver.application import create_application
from seedjob_operator.seedserver.control import control_router, switched_off
from seedjob_operator.seedserver.errors import error_response
from seedjob_operator.seedserver.faults import Faults
from seedjob_operator.seedserver.folders import Folders
from seedjob_operator.seedserver.inventory import Inventory
from seedjob_operator.seedserver.launch import Launcher
from seedjob_operator.seedserver.platform import Platform
from seedjob_operator.seedserver.store import Store
from seedjob_operator.seedserver.tampering import CLOSE, FaultMiddleware

_LOG = logging.getLogger(__name__)
_DRAIN_SECONDS = 3
"""For answers that are being sent when the server ends; log streams end at once, and all others take less."""
_IDLE_SECONDS = 75
"""Longer than clients keep a connection: else it is closed at the moment at which one sends its next request."""
_AT_ONCE = struct.pack("ii", 1, 0)


@dataclass(frozen=True, kw_only=True)
class Serving:
    """All that a running server needs.

    `end_jobs` says what becomes of running jobs when it is stopped; `public_url` with which address links begin, where that
    isn't the one that was asked.
    """

    folders: Folders
    launcher: Launcher
    credentials: Credentials
    inventory: Inventory
    enable_faults: bool
    end_jobs: bool
    public_url: str | None


async def serve(serving: Serving, listener: socket.socket, *, announce: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT; a second one doesn't wait for anything.

    Raises:
        StoreError: the records can't be used.
    """
    platform = Platform(
        store=Store(serving.folders.records),
        folders=serving.folders,
        launcher=serving.launcher,
        inventory=serving.inventory,
    )
    config = uvicorn.Config(
        _around(platform, serving),
        http=_Protocol,
        log_config=None,
        log_level="warning",
        access_log=False,
        lifespan="off",
        server_header=False,
        proxy_headers=False,  # nobody may say for somebody else that he is on this machine
        date_header=not serving.enable_faults,  # with faults, the clock can be wrong
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )
    server = _Server(config)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, server, platform, serving.end_jobs)
    await platform.start()
    announce()
    try:
        await server.serve(sockets=[listener])
    finally:
        await platform.close(end_jobs=serving.end_jobs)


def _around(platform: Platform, serving: Serving) -> ASGIApp:
    app = create_application(platform, public_url=serving.public_url)
    if not serving.enable_faults:
        app.include_router(switched_off())
        return AccessMiddleware(app, serving.credentials)
    faults = Faults()
    app.include_router(control_router(faults, platform, serving.credentials))
    return FaultMiddleware(AccessMiddleware(app, serving.credentials), faults)


def _stop(server: uvicorn.Server, platform: Platform, end_jobs: bool) -> None:
    if server.should_exit:
        server.force_exit = True
        platform.hurry.set()
    elif end_jobs:
        _LOG.info(
            "stopping: jobs are cancelled and waited for; another signal ends the waiting, and they end by themselves"
        )
    else:
        _LOG.info("stopping: running jobs go on, and the next server on the same --data folder follows them")
    server.should_exit = True
    platform.stop_taking()


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave the signals to `serve`: uvicorn would raise them again when all is done, and end the process."""
        yield


class _Protocol(H11Protocol):
    """Lets the application close a request's connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Put the connection into reach of its requests."""
        super().connection_made(transport)
        inner: Any = self.app

        def close(reset: bool) -> None:
            if reset:  # without a farewell, and at once
                transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            transport.abort()

        async def closable(scope: Scope, receive: Receive, send: Send) -> None:
            scope[CLOSE] = close
            await inner(scope, receive, send)

        self.app = closable

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP request in the API's shape too."""
        answer = error_response(400, f"{msg} Send HTTP/1.1, as every HTTP library does.")
        head = f"HTTP/1.1 400 Bad Request\r\ncontent-type: {JSON_TYPE}\r\ncontent-length: {len(answer.body)}\r\n"
        self.transport.write(f"{head}connection: close\r\n\r\n".encode() + bytes(answer.body))
        self.transport.close()


def listen(host: str, port: int) -> socket.socket:
    """Bind and listen; port 0 takes a free one.

    Raises:
        OSError: the address is in use, or isn't one of this machine.
    """
    # The protocol is named because asyncio turns Nagle's delay off only where it is: an answer's head and body are two
    # writes, and the second would wait 40 ms for the client's acknowledgement.
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    return listener
