"""Lists as the view stores them, and the later ones of several."""

from collections.abc import Iterable, Mapping
from struct import Struct
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from streams.positions import EPOCH_MAX, OFFSET_MASK, position_of

_LIST = Struct(">qq")
"""Header of a stored list: the position of the latest play in it, and its expiry in milliseconds."""


class _Reflects(msgspec.Struct):
    """The fields of a list that order two lists of a partition, and of two partitions, and its expiry."""

    offset: Annotated[int, Meta(ge=-1, le=OFFSET_MASK)]
    expires_at_ms: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    epoch: Annotated[int, Meta(ge=0, le=EPOCH_MAX)] = 0
    plays: int = 0


_decode_reflects = msgspec.json.Decoder(_Reflects).decode


class StoredList(NamedTuple):
    """A listener's list as it is on the topic."""

    position: int
    """The position of the latest play that it reflects."""
    value: bytes
    """The record, JSON."""
    expires_at_ms: int


def read_list(value: bytes) -> StoredList:
    """Return a list from the value that the view stores."""
    position, expires_at_ms = _LIST.unpack_from(value)
    return StoredList(position, value[_LIST.size :], expires_at_ms)


def stored_position(value: bytes) -> int:
    """Return the position of the latest play in a list, from the value that the view stores."""
    position, _ = _LIST.unpack_from(value)
    return int(position)


def plays_in(stored: StoredList) -> int:
    """Return the number of plays that a list reflects."""
    return _decode_reflects(stored.value).plays


def newer_lists(
    records: Iterable[tuple[bytes, bytes | None]], positions: Mapping[bytes, int]
) -> dict[bytes, tuple[bytes | None, int]]:
    """Return the lists of a partition that replace the stored ones; stale lists and values of no list are ignored.

    Args:
        records: Consecutive records of the partition.
        positions: By key, the position of the latest play in the stored list.

    Returns:
        By key, the value to store, None for a removed list, and the position of its latest play, -1 for none.
    """
    latest = dict(positions)
    newer: dict[bytes, tuple[bytes | None, int]] = {}
    for key, value in records:
        if value is None:
            latest.pop(key, None)
            newer[key] = None, -1
            continue
        try:
            reflects = _decode_reflects(value)
        except (ValueError, RecursionError):
            continue  # it does not decode
        position = position_of(reflects.epoch, reflects.offset)
        if key not in latest or position >= latest[key]:
            latest[key] = position
            newer[key] = _LIST.pack(position, reflects.expires_at_ms) + value, position
    return newer
