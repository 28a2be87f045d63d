"""A small HTTP client, so that the server is the bottleneck: one request at a time on a connection that stays open."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast
from urllib.parse import urlsplit

HEAD_END, LENGTH = b"\r\n\r\n", b"content-length: "


class Connection(asyncio.Protocol):
    """One connection; an answer is handed over as soon as its last byte is there."""

    def __init__(self, host: str) -> None:
        """Talk to a server under its name."""
        self._host = host
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._parts: list[bytes] = []
        self._missing = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail all waiting requests."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("The server closed the connection."))

    def data_received(self, data: bytes) -> None:
        """Take bytes of an answer."""
        self._parts.append(data)
        if self._missing < 0:
            data = b"".join(self._parts)
            end = data.find(HEAD_END)
            if end < 0:
                return
            at = data.find(LENGTH, 0, end)
            length = int(data[at + len(LENGTH) : data.find(b"\r\n", at)]) if at >= 0 else 0
            self._parts, self._missing = [data], end + len(HEAD_END) + length
        else:
            self._missing -= len(data)
            data = b""
        self._missing -= len(data)
        if not self._missing and self._answer is not None:
            whole = b"".join(self._parts)
            self._parts, self._missing = [], -1
            self._answer.set_result((int(whole[9:12]), whole[whole.find(HEAD_END) + len(HEAD_END) :]))

    async def get(self, path: str) -> tuple[int, bytes]:
        """Return status and body of a path."""
        return await self._ask(f"GET {path} HTTP/1.1\r\nhost: {self._host}\r\n\r\n".encode())

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Send JSON; return status and body of the answer."""
        head = f"POST {path} HTTP/1.1\r\nhost: {self._host}\r\ncontent-type: application/json\r\ncontent-length: "
        return await self._ask(f"{head}{len(body)}\r\n\r\n".encode() + body)

    async def _ask(self, request: bytes) -> tuple[int, bytes]:
        if self._transport is None:
            message = "The connection is not open."
            raise RuntimeError(message)
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()


class Client:
    """Opens connections to a server."""

    def __init__(self, url: str) -> None:
        """Ask the server at `url`."""
        parts = urlsplit(url)
        self._host, self._port, self._netloc = parts.hostname or "", parts.port or 80, parts.netloc

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Open a connection."""
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: Connection(self._netloc), self._host, self._port)
        try:
            yield connection
        finally:
            connection.close()
