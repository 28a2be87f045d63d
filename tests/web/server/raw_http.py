"""A gateway served on a port, and raw bytes sent to it."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple

import msgspec
from starlette.types import ASGIApp

from tests.support.settings import settings_with
from tests.support.wait import wait_until
from web.server.protocol import Server, listen, server_of

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Served(NamedTuple):
    """A server that runs in this loop."""

    server: Server
    port: int


@asynccontextmanager
async def serving(app: ASGIApp, **settings: Any) -> AsyncIterator[Served]:
    """Serve an app while the block lasts."""
    made = settings_with(gateway_port=0, **settings)
    bound = listen(made.gateway)
    server = server_of(app, made.gateway)
    task = asyncio.create_task(server.serve([bound]))
    await wait_until(lambda: server.started)
    try:
        yield Served(server, bound.getsockname()[1])
    finally:
        server.should_exit = True
        await asyncio.wait_for(task, 10)
        bound.close()


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connect to a server while the block lasts."""
    stream, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield stream, writer
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def say(port: int, *parts: bytes, pause_s: float = 0.0, within_s: float = 100.0) -> bytes:
    """Send parts with pauses between them, and return all that comes until the server ends the connection."""
    async with connected(port) as (stream, writer):
        sending = asyncio.create_task(send(writer, parts, pause_s))
        try:
            return await asyncio.wait_for(received(stream), within_s)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)


async def send(writer: asyncio.StreamWriter, parts: Iterable[bytes], pause_s: float) -> None:
    """Send parts with pauses between them."""
    for part in parts:
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(pause_s)


async def received(stream: asyncio.StreamReader) -> bytes:
    """Return all that comes; a connection that is reset has ended, too."""
    content = b""
    try:
        while part := await stream.read(65_536):
            content += part
    except ConnectionResetError:
        pass
    return content


def statuses(received_bytes: bytes) -> list[int]:
    """Return the statuses of answers, one behind the other."""
    return [int(part[:3]) for part in received_bytes.split(b"HTTP/1.1 ")[1:]]


def problem(received_bytes: bytes) -> Any:
    """Return the last answer, which is a problem document of the length that it says."""
    head, _, body = received_bytes.rpartition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
    assert b"content-length: %d\r\n" % len(body) in head + b"\r\n"
    return msgspec.json.decode(body)


def with_header(n_bytes: int, n: int = 1) -> bytes:
    """Return a request that ends the connection, with headers of so many bytes together."""
    headers = b"".join(b"X-%06d: %s\r\n" % (number, b"x" * (n_bytes // n - 8)) for number in range(n))
    return b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + headers + b"\r\n"
