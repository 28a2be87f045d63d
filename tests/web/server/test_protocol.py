"""The HTTP server, tested through a socket."""

import asyncio

import pytest

from tests.support.virtual_time import now_s
from tests.web.scene import Scene, made_list
from tests.web.server.raw_http import HEALTH, connected, problem, say, serving, statuses, with_header
from web.server.protocol import HEAD_S

pytestmark = pytest.mark.virtual_time
ALIVE = b'{"status":"alive"'


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
    """Not the first one alone; earlier requests are answered, and sizes do not add up."""
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
    """Also a request that two servers could read in two ways: a problem document, and the connection ends."""
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


async def test_nothing_else_is_spoken_here(scene: Scene) -> None:
    """A request to upgrade to web sockets gets HTTP."""
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n"
    request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + upgrade + b"\r\n"
    async with serving(scene.app) as served, connected(served.port) as (stream, writer):
        writer.write(request)
        assert b"HTTP/1.1 200 OK\r\n" == await asyncio.wait_for(stream.readline(), 5)
