"""The body of a request."""

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest
from starlette.requests import Request
from starlette.types import Message

from web.server.problems import Problem
from web.server.request_body import BODY_S, CHUNK_BYTES, MEMBERS_MAX, decode, json_body

DECOMPRESSOR = zlib.decompressobj


def request(parts: Sequence[bytes | None], **headers: str) -> Request:
    """Return a request whose body comes in parts; None: the client goes away."""
    header_pairs = [
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

    return Request({"type": "http", "method": "POST", "headers": header_pairs}, receive)


async def refused(asking: Request, bytes_max: int = 100) -> tuple[int, str]:
    """Return the problem of a rejected body."""
    with pytest.raises(Problem) as caught:
        await json_body(asking, bytes_max)
    return caught.value.status, caught.value.detail


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "Application/JSON ;x=y"])
async def test_a_body_is_all_that_came(kind: str) -> None:
    """In one part or several, with parameters behind the type or without."""
    assert b"" == await json_body(request([], content_type=kind), 100)
    assert b"[1,2]" == await json_body(request([b"[1", b"", b",2]"], content_type=kind), 100)


@pytest.mark.parametrize(("encoding", "encode"), [("identity", bytes), ("gzip", gzip.compress)])
async def test_a_byte_order_mark_is_left_out(encoding: str, encode: Callable[[bytes], bytes]) -> None:
    """It is no part of the JSON behind it."""
    asking = request([encode(b"\xef\xbb\xbf[1,2]")], content_encoding=encoding)

    assert b"[1,2]" == await json_body(asking, 100)


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        ("", "of no type"),
        ("text/plain", "text/plain"),
        ("application/x-json", "application/x-json"),
        ("x" * 90, "x" * 80),
    ],
)
async def test_another_type_is_refused(kind: str, shown: str) -> None:
    """Above all those that a form of another site can send: a browser would send it without asking."""
    expected = 415, f"The body has to be application/json, not {shown}."

    assert expected == await refused(request([b"{}"], content_type=kind))


async def test_a_body_that_says_it_is_too_large_is_not_read() -> None:
    """Nothing of it is received."""
    asking = request([], content_length="101")

    assert (413, "The body has more than 100 bytes: send less at once.") == await refused(asking)
    assert await asking.receive() == {"type": "http.request", "body": b"", "more_body": False}


@pytest.mark.parametrize("length", ["0", "100", "nonsense", "\xb2", "-1"])
async def test_a_body_that_lies_about_its_length_is_no_larger_for_it(length: str) -> None:
    """Received bytes are counted; up to the limit they are read, and not one more."""
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
    """Also endless nesting."""
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


RAW = b'{"user_id": "ann"}' * 4


def raw_deflate(content: bytes) -> bytes:
    """Compress without the header of zlib, as some clients do."""
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(content) + stream.flush()


@pytest.mark.parametrize(
    ("coding", "content"),
    [
        ("gzip", gzip.compress(RAW, mtime=0)),
        ("GZIP", gzip.compress(RAW, mtime=0)),
        ("x-gzip", gzip.compress(RAW[:20], mtime=0) + gzip.compress(RAW[20:], mtime=0) + b"\x00\x00"),
        ("deflate", zlib.compress(RAW)),
        ("deflate", raw_deflate(RAW)),
        ("identity", RAW),
        ("", RAW),
    ],
)
async def test_a_compressed_body_is_decompressed(coding: str, content: bytes) -> None:
    """In parts or not; gzip may have several members."""
    assert RAW == await json_body(request([content], content_encoding=coding), 100)
    assert RAW == await json_body(request([content[:7], content[7:]], content_encoding=coding), 100)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_body_is_bounded_after_decompression(coding: str) -> None:
    """A bomb of many times its size is not unpacked."""
    compress = gzip.compress if coding == "gzip" else zlib.compress

    assert b" " * 100 == await json_body(request([compress(b" " * 100)], content_encoding=coding), 100)
    expected = 413, "The body has more than 100 bytes: send less at once."
    assert expected == await refused(request([compress(b" " * 101)], content_encoding=coding))
    bomb = compress(b" " * 50_000_000)
    tracemalloc.start()
    try:
        assert 413 == (await refused(request([bomb], content_encoding=coding), len(bomb)))[0]
        assert tracemalloc.get_traced_memory()[1] < 2_000_000 + 3 * len(bomb)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "content", [b"", b"{}", gzip.compress(RAW, mtime=0)[:-9], gzip.compress(RAW, mtime=0) + b"rest", b"\x1f\x8b"]
)
async def test_what_is_no_gzip_is_said_to_be_none(content: bytes) -> None:
    """Also one that is cut short."""
    assert (400, "The body is not valid gzip.") == await refused(request([content], content_encoding="gzip"))


@pytest.mark.parametrize("content", [b"", b"{}", zlib.compress(RAW)[:-2], zlib.compress(RAW) + b"rest"])
async def test_what_is_no_deflate_is_said_to_be_none(content: bytes) -> None:
    """With or without the header."""
    assert (400, "The body is not valid deflate.") == await refused(request([content], content_encoding="deflate"))


class CountedStream:
    """A decompressor that counts the bytes that it is given."""

    n_bytes = 0

    def __init__(self, window_bits: int) -> None:
        """Begin a member."""
        self._stream = DECOMPRESSOR(window_bits)

    def decompress(self, chunk: bytes, bytes_max: int) -> bytes:
        """Count, and decompress."""
        CountedStream.n_bytes += len(chunk)
        return self._stream.decompress(chunk, bytes_max)

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the stream."""
        return getattr(self._stream, name)


async def test_the_work_grows_with_the_bytes_and_not_with_the_members(monkeypatch: pytest.MonkeyPatch) -> None:
    """Zlib copies the bytes behind a member, so a member is given few of them."""
    monkeypatch.setattr(zlib, "decompressobj", CountedStream)
    monkeypatch.setattr(CountedStream, "n_bytes", 0)
    members = gzip.compress(b"", mtime=0) * 10_000 + gzip.compress(RAW, mtime=0)

    assert RAW == await json_body(request([members], content_encoding="gzip"), len(members))

    assert CountedStream.n_bytes < 10_001 * 2 * CHUNK_BYTES


async def test_members_have_a_bound() -> None:
    """Each costs time, however short it is."""
    members = gzip.compress(b"", mtime=0) * MEMBERS_MAX

    assert b"" == await json_body(request([members], content_encoding="gzip"), len(members))
    expected = 413, "The body has more than 16,384 gzip members: compress it as one."
    longer = members + gzip.compress(b"", mtime=0)
    assert expected == await refused(request([longer], content_encoding="gzip"), len(longer))


async def test_a_long_member_is_read_in_steps() -> None:
    """The steps grow, and no byte between two of them is lost."""
    text = bytes(range(256)) * 400
    members = gzip.compress(text, 0, mtime=0) + b"\x00" * 300 + gzip.compress(text, mtime=0) + b"\x00"

    assert 2 * text == await json_body(request([members], content_encoding="gzip"), len(2 * text))


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "compress"])
async def test_another_coding_is_refused_with_those_that_are_read(coding: str) -> None:
    """As HTTP wants it: 415 with `Accept-Encoding`."""
    with pytest.raises(Problem) as caught:
        await json_body(request([b"x"], content_encoding=coding), 100)

    assert 415 == caught.value.status
    assert f"The Content-Encoding has to be gzip, deflate or identity, not {coding}." == caught.value.detail
    assert "gzip, deflate" == caught.value.headers["Accept-Encoding"]
