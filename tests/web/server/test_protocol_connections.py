"""Connections: their number, slow readers, and the end of a server."""

import asyncio
import socket
from contextlib import AsyncExitStack

import pytest
from starlette.types import Receive, Scope, Send

from tests.support.settings import settings_with
from tests.support.virtual_time import now_s
from tests.support.wait import wait_idle, wait_until
from tests.web.scene import Scene, made_list
from tests.web.server.raw_http import HEALTH, connected, problem, received, say, serving, statuses, with_header
from web.server.protocol import WRITE_S, CoalescedWrites, PortTakenError, listen, url_of

pytestmark = pytest.mark.virtual_time


async def test_a_connection_is_kept_and_answers_stand_apart(scene: Scene) -> None:
    """An answer without a body has none: the next one begins right behind it."""
    scene.put_list(made_list())
    read = b"GET /v1/users/ann/recommendations HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: *\r\n\r\n"
    last = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    async with serving(scene.app) as served:
        answers = await say(served.port, read, read, b"HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", last)

    assert [304, 304, 200, 200] == statuses(answers)
    assert 3 == answers.count(b"\r\n\r\nHTTP/1.1 ")


async def test_so_many_connections_are_open_and_no_more(scene: Scene) -> None:
    """Over it 503 with Retry-After, before the request is read; a closed connection makes room."""
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
    """Its connection ends after a while, with its task; a slow reader gets everything."""
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
    """A transport that records its writes."""

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
    """The writes of one turn of the loop are one packet, later ones another; closing loses nothing."""
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
