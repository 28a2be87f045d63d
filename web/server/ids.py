"""Ids as they stand in a path."""

from typing import Annotated, Any

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


def _in_path(description: str, example: str) -> Any:
    """Return what is told of an id that stands in a path."""
    told = {"format": PRINTABLE}
    return Path(min_length=1, max_length=128, description=description, examples=[example], json_schema_extra=told)


UserId = Annotated[str, AfterValidator(read_id), _in_path("Who listens.", "anna")]
ItemId = Annotated[str, AfterValidator(read_id), _in_path("The item.", "song-7")]
