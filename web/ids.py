"""Ids as they stand in a path."""

from typing import Annotated

from fastapi import Path
from pydantic import AfterValidator

SLASH = "\x00"
"""Stands for an encoded slash while a path is matched: ids may have slashes, and none has this."""
PRINTABLE = "printable"
"""The format of ids in schemas: without control characters, nor any space but the plain one."""


def read_id(found: str) -> str:
    """Return an id as it is.

    Raises:
        ValueError: It is none.
    """
    found = found.replace(SLASH, "/")
    if not found.isprintable():
        message = "an id has characters that are not printable"
        raise ValueError(message)
    return found


UserId = Annotated[
    str,
    AfterValidator(read_id),
    Path(
        min_length=1,
        max_length=128,
        description="Who listens.",
        examples=["anna"],
        json_schema_extra={"format": PRINTABLE},
    ),
]
ItemId = Annotated[
    str,
    AfterValidator(read_id),
    Path(
        min_length=1,
        max_length=128,
        description="The item.",
        examples=["song-7"],
        json_schema_extra={"format": PRINTABLE},
    ),
]
