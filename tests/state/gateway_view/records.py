"""Records of lists, and a view that stores them."""

import msgspec

from state.gateway_view.keys import LIST
from state.gateway_view.view import View
from streams.partitioning import partition_of

TOPIC = "recommendations"
Pair = tuple[bytes | None, bytes | None]
HOME = partition_of("ann", 4)
OTHER, THIRD = (HOME + 1) % 4, (HOME + 2) % 4
"""Partitions of four: that of the listener ann, and two others."""


def made(offset: int, mark: str = "") -> bytes:
    """Return the record of a list that reflects the play at an offset."""
    return msgspec.json.encode({"offset": offset, "expires_at_ms": 1, "mark": mark})


def store(view: View, *records: Pair, kind: bytes = LIST, next_offset: int = 1) -> list[tuple[str, int]]:
    """Store records of partition 0 in a view."""
    return view.store(kind, TOPIC, 0, records, next_offset)


def stored_offset(view: View, user_id: str) -> int | None:
    """Return the offset of the latest play in a listener's list."""
    stored = view.list_of(user_id)
    return None if stored is None else stored.position


def made_of(plays: int, offset: int = 1) -> bytes:
    """Return the record of a list that reflects so many plays."""
    return msgspec.json.encode({"offset": offset, "expires_at_ms": 1, "plays": plays})


def put(view: View, partition: int, value: bytes | None, user: str = "ann") -> None:
    """Store a list of ann's, or of another listener, that came from a partition."""
    view.store(LIST, TOPIC, partition, [(user.encode(), value)], 1)
