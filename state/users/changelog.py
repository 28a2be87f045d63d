"""Records of the users changelog, and the place of a state in it."""

from collections.abc import Sequence
from struct import Struct
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from state.users.record import NOTHING_APPLIED, RecordFormatError
from state.users.record_bytes import APPLIED_OFFSET

_PLACE = Struct("<qq")
_OFFSET_BYTES = 8


class ChangelogRecord(Protocol):
    """A record of the users changelog."""

    offset: int
    key: bytes
    value: bytes | None


class Place(NamedTuple):
    """The position of a partition's state in the changelog."""

    changelog_offset: int = -1
    """Offset of the last changelog record that the state contains; -1: none."""
    applied_offset_max: int = NOTHING_APPLIED
    """Highest applied offset of any user: a position (`streams/positions.py`)."""

    def encode(self) -> bytes:
        """Return the stored form."""
        return _PLACE.pack(*self)


def place_of(stored: bytes | None) -> Place:
    """Decode a stored place."""
    return Place(*_PLACE.unpack(stored)) if stored else Place()


def applied_offsets_of(users: Sequence[ChangelogRecord]) -> NDArray[np.int64]:
    """Return the applied offsets of users' records.

    Raises:
        RecordFormatError: A record is too short to have one.
    """
    parts = [(record.value or b"")[APPLIED_OFFSET] for record in users]
    joined = b"".join(parts)
    if len(joined) != len(users) * _OFFSET_BYTES:
        short = next(record for record, part in zip(users, parts, strict=True) if len(part) < _OFFSET_BYTES)
        message = (
            f"the record at offset {short.offset:,} has {len(short.value or b'')} bytes, fewer than a listener's: "
            "another program wrote to the topic. Delete the topic and make it again, and run "
            "`playfold state rebase --from-disk` on the machine with the state"
        )
        raise RecordFormatError(message)
    return np.frombuffer(joined, "<i8")
