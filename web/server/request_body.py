"""The body of a request: JSON or a form, compressed or not, of a bounded size, read in a bounded time."""

import asyncio
import re
import zlib
from collections.abc import Callable
from typing import Any

import msgspec
from fastapi import Request
from starlette.requests import ClientDisconnect

from streams.process.format_text import decode_reason
from web.server.problems import Problem

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""Some clients of .NET and of Windows begin UTF-8 with it."""
GZIP, DEFLATE = "gzip", "deflate"
BODY_S = 20.0
"""Seconds within which a body has to arrive."""
MEMBERS_MAX = 16_384
"""Most members of a gzip body: about 30 ms of work."""
CHUNK_BYTES = 256
"""Bytes of a member that are decompressed first; each further step takes twice as many."""
_PADDING = re.compile(rb"\x00*")


async def json_body(request: Request, bytes_max: int) -> bytes:
    """Return the body of a request that is to be JSON.

    Raises:
        Problem: It is of another type, too large, or incomplete.
    """
    return await read_body(request, "application/json", bytes_max)


async def read_body(request: Request, kind: str, bytes_max: int) -> bytes:
    """Return the body of a request that is to be of some type.

    Raises:
        Problem: It is of another type, too large, or incomplete.
    """
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != kind:
        raise Problem(415, f"The body has to be {kind}, not {given[:80] or 'of no type'}.")
    inflate = _decoder_of(request)
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and int(length) > bytes_max:
        raise _too_large(bytes_max)
    parts, n_bytes = [], 0
    try:
        async with asyncio.timeout(BODY_S):
            async for part in request.stream():
                n_bytes += len(part)
                if n_bytes > bytes_max:
                    raise _too_large(bytes_max)
                parts.append(part)
    except TimeoutError:
        raise Problem(408, f"The body did not arrive within {BODY_S:g} s.") from None
    except ClientDisconnect:
        raise Problem(400, "The client disconnected before its body was complete.") from None  # nobody hears it
    content = b"".join(parts)
    if inflate is not None:
        content = inflate(content, bytes_max)
    return content.removeprefix(BYTE_ORDER_MARK)


def _decoder_of(request: Request) -> Callable[[bytes, int], bytes] | None:
    """Return the decompression of a body, None if it is not compressed.

    Raises:
        Problem: The body has another coding than gzip or deflate.
    """
    coding = ",".join(request.headers.getlist("content-encoding")).strip().lower()
    if coding in ("", "identity"):
        return None
    if coding in ("gzip", "x-gzip"):
        return _gunzip
    if coding == "deflate":
        return _inflate
    detail = f"The Content-Encoding has to be gzip, deflate or identity, not {coding[:80]}."
    raise Problem(415, detail, headers={"Accept-Encoding": "gzip, deflate"})


def _gunzip(content: bytes, bytes_max: int) -> bytes:
    """Decompress gzip, which may have several members, each with zero bytes behind it.

    Raises:
        Problem: It is not valid, too large, or has too many members.
    """
    parts: list[bytes] = []
    at, n_bytes = 0, 0
    for _ in range(MEMBERS_MAX):
        member, at = _gunzip_member(content, at, bytes_max - n_bytes)
        parts += member
        n_bytes += sum(map(len, member))
        if n_bytes > bytes_max:
            raise _too_large(bytes_max)
        at = _end_of_padding(content, at)
        if at == len(content):
            return b"".join(parts)
    raise Problem(413, f"The body has more than {MEMBERS_MAX:,} gzip members: compress it as one.")


def _gunzip_member(content: bytes, at: int, bytes_max: int) -> tuple[list[bytes], int]:
    """Decompress the member at a place: at most one byte more than `bytes_max`.

    zlib copies the bytes behind a member. They are few, since a member is read in chunks.

    Returns:
        The parts of the member, and the place behind it.

    Raises:
        Problem: The content is not valid.
    """
    stream, view, parts, size = zlib.decompressobj(zlib.MAX_WBITS | 16), memoryview(content), [], CHUNK_BYTES
    while not stream.eof and bytes_max >= 0:
        chunk = view[at : at + size]
        try:
            part = stream.decompress(chunk, bytes_max + 1)
        except zlib.error:
            raise _invalid(GZIP) from None
        if not chunk:
            raise _invalid(GZIP)
        parts.append(part)
        at, bytes_max, size = at + len(chunk) - len(stream.unused_data), bytes_max - len(part), 2 * size
    return parts, at


def _end_of_padding(content: bytes, at: int) -> int:
    """Return the place of the first byte that is not zero."""
    padding = _PADDING.match(content, at)
    return at if padding is None else padding.end()


def _inflate(content: bytes, bytes_max: int) -> bytes:
    """Decompress deflate: with the header of zlib, as the standard says, or without, as some clients send it.

    Raises:
        Problem: It is not valid, or too large.
    """
    has_header = len(content) > 1 and content[0] & 15 == zlib.DEFLATED and not int.from_bytes(content[:2]) % 31
    stream = zlib.decompressobj(zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS)
    try:
        part = stream.decompress(content, bytes_max + 1)
    except zlib.error:
        raise _invalid(DEFLATE) from None
    if len(part) > bytes_max:
        raise _too_large(bytes_max)
    if not stream.eof or stream.unused_data:
        raise _invalid(DEFLATE)
    return part


def _invalid(coding: str) -> Problem:
    detail = f"The body is not valid {coding}."
    return Problem(400, detail)


def decode(content: bytes, kind: Any) -> Any:
    """Decode a JSON body.

    Raises:
        Problem: It is not valid JSON, or does not fit the type.
    """
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.ValidationError as error:
        raise Problem(422, f"The body does not fit: {decode_reason(error)}.") from None
    except (ValueError, RecursionError):
        raise Problem(400, "The body is not valid JSON.") from None


def _too_large(bytes_max: int) -> Problem:
    return Problem(413, f"The body has more than {bytes_max:,} bytes: send less at once.")
