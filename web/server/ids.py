"""Ids in paths."""

from typing import Annotated, Any

from fastapi import Path
from pydantic import AfterValidator

SLASH = "\x00"
"""Stands for an encoded slash while a path is matched: ids may have slashes, and none has this."""
PRINTABLE = "printable"
"""The format of ids in schemas: without control characters, nor any space but the plain one."""


def read_id(encoded: str) -> str:
    """Decode an id of a path.

    Raises:
        ValueError: It has characters that are not printable.
    """
    encoded = encoded.replace(SLASH, "/")
    if not encoded.isprintable():
        message = "an id has characters that are not printable"
        raise ValueError(message)
    return encoded


def _in_path(description: str, example: str) -> Any:
    """Return the OpenAPI description of an id in a path."""
    json_schema = {"format": PRINTABLE}
    return Path(
        min_length=1, max_length=128, description=description, examples=[example], json_schema_extra=json_schema
    )


UserId = Annotated[str, AfterValidator(read_id), _in_path("The listener.", "anna")]
ItemId = Annotated[str, AfterValidator(read_id), _in_path("The item.", "song-7")]
