"""Types of fields that several messages have: ids, times, lengths and texts."""

from typing import Annotated

from msgspec import Meta

DAY_MS = 86_400_000
UserId = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=128,
        description="Id of the listener, 1 to 128 printable characters; also the record's key.",
    ),
]
ItemId = Annotated[
    str, Meta(min_length=1, max_length=128, description="Id of the item, 1 to 128 printable characters.")
]
EpochMs = Annotated[int, Meta(description="Milliseconds since 1970-01-01T00:00:00Z.")]
Duration = Annotated[int, Meta(ge=0, le=DAY_MS)]
Text = Annotated[str, Meta(max_length=512)]
Moment = Annotated[int, Meta(ge=0, lt=253_402_300_800_000)]
"""Milliseconds from 1970 until the end of the year 9999, which often stands for no end."""
