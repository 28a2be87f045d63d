"""The HTTP server: uvicorn, with bounds on the head of a request, and signals left to the gateway."""

import asyncio
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from streams.settings.processes import GatewaySettings
from web.server.problems import MEDIA_TYPE, Problem, answer

HEAD_S = 10.0
"""Seconds that the head of a request may take to come."""
KEEP_ALIVE_S = 30
STOP_S = 5
BACKLOG = 1024
HELD_BYTES = 16_384
"""Size in bytes from which a write is sent at once."""
WRITE_S = 30.0
"""Seconds that a client may leave an answer unread."""


class PortTakenError(OSError):
    """The gateway's address is in use. Set another PLAYFOLD_GATEWAY_PORT, or stop the process that uses it."""


class CoalescedWrites:
    """A transport that sends all writes of one turn of the event loop at once.

    The head of an answer and its body are two writes: one packet, and one wake-up of the client, instead of two.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        """Write to `transport`."""
        self._transport, self._loop = transport, loop
        self._parts: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        """Delegate everything else to the transport."""
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Hold bytes until the end of this turn."""
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)
        if len(data) > HELD_BYTES:  # a large answer: it is the transport that says when a client does not read
            self._flush()

    def close(self) -> None:
        """Flush, then close."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._parts:
            joined, self._parts = b"".join(self._parts), []
            if not self._transport.is_closing():
                self._transport.write(joined)


class BoundedProtocol(HttpToolsProtocol):
    """Reads requests whose heads are of a bounded size and come in a bounded time, on so many connections at most."""

    head_bytes_max = 16_384
    connections_max = 2000

    def __init__(self, *args: Any, **options: Any) -> None:
        """Begin with a connection that has sent nothing."""
        super().__init__(*args, **options)
        self._told_bytes = self._pending_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Start the time-out of a new connection's first head."""
        joined: Any = CoalescedWrites(transport, self.loop)
        super().connection_made(joined)
        if len(self.connections) > self.connections_max:
            self._refuse(503, "The limit of open connections is reached.", b"retry-after: 2\r\n")
        else:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_head_timer()
        self._stop_write_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes in; a head that is too large ends the connection."""
        if self._head_timer is None and self.timeout_keep_alive_task is not None:
            self._await_head()  # every byte after an answer belongs to the next head, even an empty line
        timer = self._head_timer
        super().data_received(data)
        if timer is not None and timer is self._head_timer:
            self._pending_bytes += len(data)
            if self._pending_bytes > self.head_bytes_max:
                self.send_400_response("")

    def send_400_response(self, msg: str) -> None:
        """Answer a malformed request or one with too large a head, and close the connection."""
        if max(self._told_bytes, self._pending_bytes) > self.head_bytes_max:
            self._refuse(431, "The head of the request is too large.")
        else:
            self._refuse(400, msg)

    def on_message_begin(self) -> None:
        """Begin a head."""
        super().on_message_begin()
        self._told_bytes = 0
        if self._head_timer is None:
            self._await_head()

    def on_url(self, url: bytes) -> None:
        """Take in a part of the path."""
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take in a header, or one that stands behind a body."""
        super().on_header(name, value)
        self._count(len(name) + len(value))

    def on_headers_complete(self) -> None:
        """End a head."""
        self._stop_head_timer()
        super().on_headers_complete()

    def pause_writing(self) -> None:
        """Start the time-out of a client that does not read."""
        super().pause_writing()
        if self._write_timer is None:
            self._write_timer = self.loop.call_later(WRITE_S, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on writing."""
        self._stop_write_timer()
        super().resume_writing()

    def _count(self, n_bytes: int) -> None:
        self._told_bytes += n_bytes
        if self._told_bytes > self.head_bytes_max:
            message = "The head is too large."
            raise ValueError(message)  # the parser ends with it, and calls send_400_response

    def _refuse(self, status: int, detail: str, header: bytes = b"") -> None:
        """Answer without asking the app, unless an answer is under way; end the connection."""
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            response = answer(Problem(status, detail))
            head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: {MEDIA_TYPE}\r\n".encode()
            length = b"content-length: %d\r\nconnection: close\r\n\r\n" % len(response.body)
            self.transport.write(b"".join((head, header, length, response.body)))
        self.transport.close()

    def _await_head(self) -> None:
        self._pending_bytes = 0
        self._head_timer = self.loop.call_later(HEAD_S, self.transport.close)

    def _stop_head_timer(self) -> None:
        self._pending_bytes = 0
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _stop_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None


class Server(uvicorn.Server):
    """A server that stops when the gateway stops it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the gateway."""
        yield


def listen(gateway: GatewaySettings) -> socket.socket:
    """Bind the gateway's address, so that a used port is reported at once.

    Raises:
        PortTakenError: It cannot be bound.
    """
    host, port = gateway.host, gateway.port
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        bound = socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        why = str(error.strerror).partition(" (while ")[0]  # which names the address once more
        message = f"The gateway cannot listen on {host}:{port} ({why}): set PLAYFOLD_GATEWAY_PORT or _HOST."
        raise PortTakenError(message) from None
    bound.setblocking(False)  # noqa: FBT003  the standard library's own signature
    return bound


def url_of(bound: socket.socket) -> str:
    """Return where a bound socket is reached."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def server_of(app: ASGIApp, gateway: GatewaySettings) -> Server:
    """Return a server of an app, which runs once."""
    bounds = {
        "head_bytes_max": gateway.header_bytes_max,
        "connections_max": 2 * gateway.connections_max,
    }
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # or strangers' malformed requests would fill the log
    protocol = type("Protocol", (BoundedProtocol,), bounds)
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
    )
    return Server(config)
