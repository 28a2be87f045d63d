"""The HTTP server: uvicorn, with bounds on the head of a request, and signals left to the gateway."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from streams.settings import Settings

HEAD_S = 10.0
"""Seconds that the head of a request may take to come."""
KEEP_ALIVE_S = 30
STOP_S = 5
BACKLOG = 1024
_TOO_LARGE = b"\r\n".join(
    (
        b"HTTP/1.1 431 Request Header Fields Too Large",
        b"content-type: application/problem+json",
        b"connection: close",
        b"",
        b'{"type":"about:blank","title":"Request Header Fields Too Large","status":431,"detail":"Its head is too long."}',
    )
)


class PortTakenError(OSError):
    """The gateway's address cannot be used. Choose another in PLAYFOLD_GATEWAY_PORT, or stop who uses it."""


class BoundedProtocol(HttpToolsProtocol):
    """Reads requests whose head is of a bounded size, and comes in a bounded time."""

    head_bytes_max = 16_384

    def __init__(self, *args: Any, **options: Any) -> None:
        """Begin with a connection that has sent nothing."""
        super().__init__(*args, **options)
        self._head_bytes = 0
        self._in_head = False
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Give a new connection so long for its first head."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes in; a head that is too large ends the connection."""
        if self._in_head or self._head_timer is not None:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > self.head_bytes_max and not self.transport.is_closing():
            self.transport.write(_TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        """Begin a head."""
        super().on_message_begin()
        self._in_head = True
        if self._head_timer is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        """End a head."""
        self._in_head, self._head_bytes = False, 0
        self._stop_timer()
        super().on_headers_complete()

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_S, self.transport.close)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


class Server(uvicorn.Server):
    """A server that ends when the gateway tells it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the gateway."""
        yield


def listen(settings: Settings) -> socket.socket:
    """Bind the gateway's address, so that a port that is taken is said at once.

    Raises:
        PortTakenError: It cannot be bound.
    """
    host, port = settings.gateway_host, settings.gateway_port
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        bound = socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        message = f"The gateway cannot listen on {host}:{port} ({error.strerror}): set PLAYFOLD_GATEWAY_PORT or _HOST."
        raise PortTakenError(message) from None
    bound.setblocking(False)  # noqa: FBT003  the standard library's own signature
    return bound


def url_of(bound: socket.socket) -> str:
    """Return where a bound socket is reached."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def server_of(app: ASGIApp, settings: Settings) -> Server:
    """Return a server of an app, which runs once."""
    protocol = type("Protocol", (BoundedProtocol,), {"head_bytes_max": settings.gateway_header_bytes_max})
    config = uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,  # it would tell ids
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=STOP_S,
        limit_concurrency=2 * settings.gateway_connections_max,
    )
    return Server(config)
