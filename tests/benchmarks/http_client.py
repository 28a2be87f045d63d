"""A small HTTP client, so that what is measured is the server: one request at a time on a connection that stays."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit


class Connection:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> None:
        """Use a socket that is open."""
        self._reader, self._writer, self._host = reader, writer, host

    async def get(self, path: str) -> tuple[int, bytes]:
        """Return status and body of a path."""
        self._writer.write(f"GET {path} HTTP/1.1\r\nhost: {self._host}\r\n\r\n".encode())
        return await self._answer()

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Send JSON; return status and body of the answer."""
        head = f"POST {path} HTTP/1.1\r\nhost: {self._host}\r\ncontent-type: application/json\r\ncontent-length: "
        self._writer.write(f"{head}{len(body)}\r\n\r\n".encode() + body)
        return await self._answer()

    async def _answer(self) -> tuple[int, bytes]:
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        _, found, rest = head.partition(b"content-length: ")
        length = int(rest.partition(b"\r\n")[0]) if found else 0
        return int(head[9:12]), await self._reader.readexactly(length)


class Client:
    """Opens connections to a server."""

    def __init__(self, url: str) -> None:
        """Ask the server at `url`."""
        parts = urlsplit(url)
        self._host, self._port = parts.hostname, parts.port
        self._netloc = parts.netloc

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Open a connection."""
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            yield Connection(reader, writer, self._netloc)
        finally:
            writer.close()
            await writer.wait_closed()
