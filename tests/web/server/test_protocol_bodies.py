"""Bodies of requests: shorter and longer than they say, and without end."""

import pytest

from tests.web.scene import Scene
from tests.web.server.raw_http import problem, say, serving, statuses
from web.server.request_body import BODY_S

pytestmark = pytest.mark.virtual_time


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


async def test_who_asks_whether_to_send_a_body_is_told(scene: Scene) -> None:
    """`Expect: 100-continue`, as curl has it for large bodies."""
    request = posting(2, b"").replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
    async with serving(scene.app) as served:
        answers = await say(served.port, request, b"{}", pause_s=0.1)

    assert [100, 422] == statuses(answers)
