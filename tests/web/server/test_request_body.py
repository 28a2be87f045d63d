"""The body of a request."""

import asyncio
from collections.abc import Sequence

import msgspec
import pytest
from starlette.requests import Request
from starlette.types import Message

from web.server.problems import Problem
from web.server.request_body import BODY_S, decode, json_body


def request(parts: Sequence[bytes | None], **headers: str) -> Request:
    """Return a request whose body comes in parts; None: the client goes away."""
    told = [
        (name.replace("_", "-").encode(), value.encode("latin-1"))
        for name, value in ({"content_type": "application/json"} | headers).items()
    ]
    messages: list[Message] = [
        {"type": "http.disconnect"} if part is None else {"type": "http.request", "body": part, "more_body": True}
        for part in parts
    ]
    if None not in parts:
        messages.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive() -> Message:
        if not messages:
            await asyncio.Event().wait()
        return messages.pop(0)

    return Request({"type": "http", "method": "POST", "headers": told}, receive)


async def refused(asking: Request, bytes_max: int = 100) -> tuple[int, str]:
    """Return with what a body is refused."""
    with pytest.raises(Problem) as caught:
        await json_body(asking, bytes_max)
    return caught.value.status, caught.value.detail


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "Application/JSON ;x=y"])
async def test_a_body_is_all_that_came(kind: str) -> None:
    """In parts or not, whatever stands behind the type."""
    assert b"" == await json_body(request([], content_type=kind), 100)
    assert b"[1,2]" == await json_body(request([b"[1", b"", b",2]"], content_type=kind), 100)


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("", "of no type"),
        ("text/plain", "text/plain"),
        ("application/x-json", "application/x-json"),
        ("x" * 90, "x" * 80),
    ],
)
async def test_another_type_is_refused(kind: str, told: str) -> None:
    """Above all what a form of another site can send without being asked: a browser would send it."""
    expected = 415, f"The body has to be application/json, not {told}."

    assert expected == await refused(request([b"{}"], content_type=kind))


async def test_a_body_that_says_it_is_too_large_is_not_read() -> None:
    """Nothing of it is received."""
    asking = request([], content_length="101")

    assert (413, "The body has more than 100 bytes: send less at once.") == await refused(asking)
    assert await asking.receive() == {"type": "http.request", "body": b"", "more_body": False}


@pytest.mark.parametrize("length", ["0", "100", "nonsense", "\xb2", "-1"])
async def test_a_body_that_lies_about_its_length_is_no_larger_for_it(length: str) -> None:
    """What comes is counted; as many bytes as may be are read and not one more."""
    assert 413 == (await refused(request([b"x" * 60, b"x" * 41], content_length=length)))[0]
    assert b"x" * 100 == await json_body(request([b"x" * 60, b"x" * 40], content_length=length), 100)


@pytest.mark.virtual_time
async def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    """408 after a bounded time, however busily its bytes trickle in."""

    async def trickle() -> Message:
        await asyncio.sleep(0.3)
        return {"type": "http.request", "body": b" ", "more_body": True}

    slow = Request(request([]).scope, trickle)

    assert (408, f"The body did not arrive within {BODY_S:g} s.") == await refused(slow, 10_000)


async def test_a_client_that_goes_away_is_no_failure_of_ours() -> None:
    """Nobody hears the answer; the log has no error."""
    assert 400 == (await refused(request([b"[1", None])))[0]


@pytest.mark.parametrize(
    "content", [b"", b" ", b"{", b"nonsense", b'{"a":1}x', b"\xff", b"[" * 10_000, b"\xef\xbb\xbf1"]
)
def test_what_is_no_json_is_said_to_be_none(content: bytes) -> None:
    """Also what is nested without end."""
    with pytest.raises(Problem) as caught:
        decode(content, msgspec.Raw)

    assert 400 == caught.value.status
    assert "The body is not valid JSON." == caught.value.detail


def test_what_does_not_fit_is_told_with_its_place() -> None:
    """Without marks, and of a bounded length."""
    with pytest.raises(Problem) as caught:
        decode(b'{"a":["x"]}', dict[str, list[int]])

    assert 422 == caught.value.status
    assert "The body does not fit: Expected int, got str - at $[...][0]." == caught.value.detail
