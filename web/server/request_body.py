"""The body of a request: JSON or a form, of a bounded size, read in a bounded time."""

import asyncio
from typing import Any

import msgspec
from fastapi import Request
from starlette.requests import ClientDisconnect

from streams.process.format_text import decode_reason
from web.server.problems import Problem

BODY_S = 20.0
"""Seconds within which a body has to arrive."""


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
    return b"".join(parts)


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
