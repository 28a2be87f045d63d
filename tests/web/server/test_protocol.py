"""The HTTP server, by what a socket can do to it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, NamedTuple

import msgspec
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.support.settings import settings_with
from tests.support.virtual_time import now_s
from tests.support.wait import wait_idle, wait_until
from tests.web.scene import Scene, made_list
from web.server.protocol import HEAD_S, WRITE_S, CoalescedWrites, PortTakenError, Server, listen, server_of, url_of
from web.server.request_body import BODY_S

pytestmark = pytest.mark.virtual_time

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
ALIVE = b'{"status":"alive"'


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


@pytest.mark.parametrize(
    "request_head",
    [
        with_header(17_000),
        with_header(17_000, 1000),
        with_header(60_000),
        with_header(1_000_000),
        b"GET /" + b"a" * 17_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /?" + b"a" * 400_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /" + b"a" * 100_000,
        b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000,
        b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 5000,
    ],
)
async def test_the_head_of_a_request_is_bounded(scene: Scene, request_head: bytes) -> None:
    """Whether it comes at once or in parts, whole or without end: 431, and the connection ends."""
    async with serving(scene.app) as served:
        cut = [request_head[at : at + 1000] for at in range(0, len(request_head), 1000)]
        for parts in ([request_head], cut):
            answers = await say(served.port, *parts)
            assert [431] == statuses(answers)
            assert "Request Header Fields Too Large" == problem(answers)["title"]
            assert 431 == problem(answers)["status"]


@pytest.mark.parametrize("n", [1, 100])
async def test_a_long_head_within_the_bound_is_answered(scene: Scene, n: int) -> None:
    """In one header or in many; the bound is the operator's."""
    async with serving(scene.app) as served:
        assert ALIVE in await say(served.port, with_header(15_000, n))
    async with serving(scene.app, gateway_header_bytes_max=100_000) as served:
        assert ALIVE in await say(served.port, with_header(90_000, n))


async def test_every_head_of_a_connection_is_bounded(scene: Scene) -> None:
    """Not the first one alone; what came before is answered, and sizes do not add up."""
    async with serving(scene.app) as served:
        keeping = with_header(9_000).replace(b"Connection: close\r\n", b"")
        assert [200] * 5 + [431] == statuses(await say(served.port, *[keeping] * 5, with_header(40_000), pause_s=0.05))
        assert [200, 431] == statuses(await say(served.port, HEALTH, b"GET /" + b"a" * 40_000, pause_s=0.05))


async def test_headers_behind_a_body_are_bounded(scene: Scene) -> None:
    """Trailers are kept as headers are."""
    head = b"POST /v1/plays HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    trailers = b"".join(b"X-%d: %s\r\n" % (number, b"x" * 100) for number in range(1000))
    async with serving(scene.app) as served:
        answers = await say(
            served.port, head + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", trailers, b"\r\n"
        )

    assert [431] == statuses(answers)


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [b"GET /healthz"],
        [b"\r\n"] * 40,
        [bytes([byte]) for byte in HEALTH * 4],
        [HEALTH, b"GET /he"],
        [HEALTH, *[b"\r\n"] * 40],
    ],
    ids=["silent", "half", "empty lines", "byte by byte", "the second", "empty lines behind"],
)
async def test_a_head_that_does_not_come_is_not_waited_for(scene: Scene, parts: list[bytes]) -> None:
    """However busily it trickles in, and whether or not something was answered before."""
    n_answers = parts.count(HEALTH)
    async with serving(scene.app) as served:
        began = now_s()
        answers = await say(served.port, *parts, pause_s=1)
        took_s = now_s() - began

    assert [200] * n_answers == statuses(answers)
    assert took_s == pytest.approx(HEAD_S + n_answers)  # after an answer, from the first byte of the next head on


async def test_an_answer_may_take_longer_than_a_head(scene: Scene) -> None:
    """The timer ends with the head."""
    scene.put_list(made_list(offset=5))
    path = f"/v1/users/ann/recommendations?after={made_list().partition}:9&wait_ms={2000 * HEAD_S:.0f}"
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    async with serving(scene.app) as served:
        assert b'"reflected":false' in await say(served.port, request)


@pytest.mark.parametrize(
    "wrong",
    [
        b"nonsense\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHo st: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: \x00\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"SECRET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
async def test_what_is_no_request_is_refused(scene: Scene, wrong: bytes) -> None:
    """Also what two servers could read in two ways: a problem document, and the connection ends."""
    async with serving(scene.app) as served:
        answers = await say(served.port, wrong)

    assert [400] == statuses(answers)
    assert "Invalid HTTP request received." == problem(answers)["detail"]


async def test_a_request_without_a_host_is_for_nobody(scene: Scene) -> None:
    """Nor is one whose first host is another's."""
    async with serving(scene.app) as served:
        old = await say(served.port, b"GET /healthz HTTP/1.0\r\n\r\n")
        two = b"GET /healthz HTTP/1.1\r\nHost: evil\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        assert [403] == statuses(await say(served.port, two))

    assert [403] == statuses(old)


def posting(length: int, body: bytes, kind: bytes = b"application/json") -> bytes:
    """Return plays with a length that may be a lie."""
    return b"POST /v1/plays HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s" % (
        kind,
        length,
        body,
    )


async def test_a_body_shorter_than_it_says_is_not_waited_for(scene: Scene) -> None:
    """408, and the connection ends, though bytes go on trickling in."""
    async with serving(scene.app) as served:
        answers = await say(served.port, posting(1000, b"["), *[b" "] * 60, pause_s=1)

    assert [408] == statuses(answers)
    assert f"The body did not arrive within {BODY_S:g} s." == problem(answers)["detail"]


async def test_a_body_longer_than_it_says_is_another_request(scene: Scene) -> None:
    """One that is none."""
    async with serving(scene.app) as served:
        answers = await say(served.port, posting(2, b"{}{}{}\r\n\r\n"))

    assert 400 == statuses(answers)[-1]
    assert {} == scene.outbox.logs


async def test_a_body_that_nobody_reads_does_not_hold_the_connection(scene: Scene) -> None:
    """It was answered before its end: the connection ends, however much of it is to come."""
    async with serving(scene.app) as served:
        for request, status in (
            (posting(10**9, b"x", b"text/plain"), 415),
            (posting(10**9, b"x"), 413),
            (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n", 200),
            (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n", 200),
        ):
            assert [status] == statuses(await say(served.port, request, *[b"x"] * 20, pause_s=0.05, within_s=2))


async def test_a_body_without_end_is_cut_off(scene: Scene) -> None:
    """Chunk after chunk, of no length that is said before."""
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    head = b"POST /v1/plays HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    async with serving(scene.app) as served:
        answers = await say(served.port, head + b"Transfer-Encoding: chunked\r\n\r\n", *[chunk] * 40, pause_s=0.01)

    assert [413] == statuses(answers)


async def test_a_connection_is_kept_and_answers_stand_apart(scene: Scene) -> None:
    """An answer without a body has none: the next one begins right behind it."""
    scene.put_list(made_list())
    read = b"GET /v1/users/ann/recommendations HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: *\r\n\r\n"
    last = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    async with serving(scene.app) as served:
        answers = await say(served.port, read, read, b"HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", last)

    assert [304, 304, 200, 200] == statuses(answers)
    assert 3 == answers.count(b"\r\n\r\nHTTP/1.1 ")


async def test_who_asks_whether_to_send_a_body_is_told(scene: Scene) -> None:
    """`Expect: 100-continue`, as curl has it for large bodies."""
    request = posting(2, b"").replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
    async with serving(scene.app) as served:
        answers = await say(served.port, request, b"{}", pause_s=0.1)

    assert [100, 422] == statuses(answers)


async def test_nothing_else_is_spoken_here(scene: Scene) -> None:
    """Whoever wants web sockets gets HTTP."""
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n"
    request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + upgrade + b"\r\n"
    async with serving(scene.app) as served, connected(served.port) as (stream, writer):
        writer.write(request)
        assert b"HTTP/1.1 200 OK\r\n" == await asyncio.wait_for(stream.readline(), 5)


async def test_so_many_connections_are_open_and_no_more(scene: Scene) -> None:
    """Over it 503 with Retry-After, before anything is asked; who goes leaves room."""
    async with serving(scene.app, gateway_connections_max=2) as served:
        async with AsyncExitStack() as opened:
            for _ in range(4):
                await opened.enter_async_context(connected(served.port))
            await asyncio.sleep(0.1)
            full = await say(served.port)
        await asyncio.sleep(0.1)
        again = await say(served.port, with_header(20))

    assert [503] == statuses(full)
    assert b"retry-after: 2\r\n" in full
    assert 503 == problem(full)["status"]
    assert [200] == statuses(again)


async def large(_scope: Scope, _receive: Receive, outgoing: Send) -> None:
    """Answer with more than anybody holds for a client."""
    await outgoing({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(1000):
        await outgoing({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
    await outgoing({"type": "http.response.body", "body": b""})


async def test_a_client_that_does_not_read_is_not_waited_for() -> None:
    """Its connection ends after a while, and what answered it with it; who reads slowly gets everything."""
    async with serving(large) as served:
        async with connected(served.port) as (_, writer):
            writer.write(HEALTH)
            await asyncio.sleep(WRITE_S / 2)
            assert len(served.server.server_state.tasks) == 1
            await asyncio.sleep(WRITE_S)
            assert not served.server.server_state.tasks
            assert not served.server.server_state.connections
        async with connected(served.port) as (stream, writer):
            writer.write(HEALTH)
            n_bytes = 0
            while n_bytes < 65_536_000:
                n_bytes += len(await stream.read(1 << 20))
                await asyncio.sleep(0.5)


async def test_a_page_that_is_closed_leaves_room(scene: Scene) -> None:
    """Its stream is not counted any more, nor does anybody wait for its listener."""
    streams = scene.parts.streams
    request = b"GET /live/events?user=ann HTTP/1.1\r\nHost: localhost\r\n\r\n"
    async with serving(scene.app) as served:
        async with AsyncExitStack() as stack:
            opened = [await stack.enter_async_context(connected(served.port)) for _ in range(60)]
            for _, writer in opened:
                writer.write(request)
            answers = [(await asyncio.wait_for(stream.readline(), 10))[9:12] for stream, _ in opened]
            assert [b"200"] * 50 + [b"503"] * 10 == sorted(answers)
            assert streams.n_open == 50
        await wait_until(lambda: not streams.n_open)
        await wait_idle()
        assert not scene.parts.waiters.any


async def test_a_server_stops_with_connections_that_are_kept(scene: Scene) -> None:
    """Idle ones end at once, one in the middle of a head, too, and open pages when the gateway says so."""
    page = b"GET /live/events HTTP/1.1\r\nHost: localhost\r\n\r\n"
    async with AsyncExitStack() as stack:
        async with serving(scene.app) as served:
            opened = [await stack.enter_async_context(connected(served.port)) for _ in range(3)]
            for (_, writer), request in zip(opened, (HEALTH, b"GET /he", page), strict=True):
                writer.write(request)
            await asyncio.sleep(1)
            began = now_s()
            scene.parts.waiters.close()
            scene.parts.waiters.wake_all()
        assert now_s() - began < 1
        for stream, _ in opened:
            await asyncio.wait_for(received(stream), 1)


def test_an_address_that_is_taken_is_a_sentence() -> None:
    """Said before anything else begins; another program's address, or none of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTakenError) as caught:
            listen(settings_with(gateway_port=port).gateway)
    assert (
        f"The gateway cannot listen on 127.0.0.1:{port} (Address already in use): set PLAYFOLD_GATEWAY_PORT or _HOST."
        == str(caught.value)
    )
    with pytest.raises(PortTakenError, match=r"^The gateway cannot listen on 192\.0\.2\.1:0 \("):
        listen(settings_with(gateway_host="192.0.2.1", gateway_port=0).gateway)


@pytest.mark.parametrize(("host", "begin"), [("127.0.0.1", "http://127.0.0.1:"), ("::1", "http://[::1]:")])
def test_an_address_is_told_as_clients_write_it(host: str, begin: str) -> None:
    """With brackets where they belong."""
    bound = listen(settings_with(gateway_host=host, gateway_port=0).gateway)
    url = url_of(bound)
    bound.close()

    assert url.startswith(begin)
    assert url.rpartition(":")[2].isdigit()


class Written(asyncio.Transport):
    """A transport that remembers what was written at a time."""

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__()
        self.packets: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Remember bytes."""
        self.packets.append(bytes(data))

    def is_closing(self) -> bool:
        """Tell whether it was closed."""
        return self.closed

    def close(self) -> None:
        """Remember that."""
        self.closed = True


async def test_head_and_body_go_out_at_once() -> None:
    """What is written in one turn of the loop is one packet, what comes later another; closing forgets nothing."""
    socket = Written()
    joined = CoalescedWrites(socket, asyncio.get_running_loop())

    joined.write(b"head ")
    joined.write(b"body")
    assert [] == socket.packets
    await asyncio.sleep(0)
    joined.write(b"more")
    joined.close()
    joined.write(b"too late")
    await asyncio.sleep(0)

    assert [b"head body", b"more"] == socket.packets
    assert socket.closed
