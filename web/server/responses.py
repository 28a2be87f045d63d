"""Responses that several routes share."""

import msgspec
import xxhash
from starlette.responses import Response

from web.server.problems import RETRY_S, Problem


def with_tag(known_tags: str, content: bytes) -> Response:
    """Return JSON with its ETag, or 304 if the client has the same content."""
    tag = f'"{xxhash.xxh3_64_hexdigest(content)}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if known_tags and (known_tags == "*" or tag in (part.strip().removeprefix("W/") for part in known_tags.split(","))):
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type="application/json")


def as_json(struct: msgspec.Struct) -> Response:
    """Answer with a struct."""
    return Response(msgspec.json.encode(struct), media_type="application/json")


def not_ready(records_left: int) -> Problem:
    """Return the problem that routes answer with until the topics are loaded."""
    return Problem(503, f"The gateway is starting: {records_left:,} records are to be read.", retry_s=RETRY_S)
