"""Fields of a user's record that are read from its bytes without reading the rest."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from state.users.record import CURRENT, HEADER, OF_SAME_LAYOUT, OWED, WORDS_OF, upgraded

APPLIED_OFFSET = slice(8, 16)
"""Where the applied offset stands in a record's bytes."""

GENERATION_KEY = slice(16, 24)
"""Where the key of the vector's generation stands in a record's bytes."""

FLAGS = 1
"""Where the flags stand in a record's bytes."""

PLAYS = slice(24, 28)
"""Where the number of plays stands in a record's bytes."""

LISTED_AT = slice(32, 36)
"""Where the time of the list published last stands in a record's bytes; of a marker, when it was made."""

LISTED_AT_MS = slice(40, 48)
"""Where the worker's clock of the list published last stands in a record's bytes."""

_FORMAT_1 = b"\x01"

_WITH_OWED = *OF_SAME_LAYOUT, CURRENT
"""Formats with the flag `OWED`."""

FORGOTTEN_BYTES = HEADER.itemsize
"""Length of the record of a forgotten user: a marker without history, ids and vector.

Its applied offset outranks the records of a late worker. Its `listed_at_s` is the time when it was made."""


def applied_offset_of(value: bytes) -> int:
    """Return the applied offset of a record without reading the rest."""
    return int.from_bytes(value[APPLIED_OFFSET], "little", signed=True)


def is_forgotten(value: bytes) -> bool:
    """Return whether a record is the marker of a forgotten user."""
    value = upgraded(value)
    return len(value) == FORGOTTEN_BYTES and not any(value[PLAYS]) and not value[FLAGS]


def is_owed(value: bytes) -> bool:
    """Return whether the user's list has changed and is not published yet."""
    return value[:1] in _WITH_OWED and bool(value[FLAGS] & OWED)


def plays_of(value: bytes) -> int:
    """Return the number of plays of a record without reading the rest."""
    return int.from_bytes(upgraded(value)[PLAYS], "little")


def generation_key_of(value: bytes) -> int:
    """Return the key of the generation that a record's vector belongs to without reading the rest."""
    return int.from_bytes(value[GENERATION_KEY], "little")


def listed_at_ms_of(value: bytes) -> int:
    """Return when the list published last was made, in milliseconds since 1970, without reading the rest."""
    return int.from_bytes(upgraded(value)[LISTED_AT_MS], "little", signed=True)


def headers_of(values: Sequence[bytes]) -> NDArray[np.void]:
    """Return the headers of records, `HEADER`, without reading the rest."""
    whole = [upgraded(value) if value[:1] == _FORMAT_1 else value for value in values]
    heads = b"".join([value[: HEADER.itemsize].ljust(HEADER.itemsize, b"\x00") for value in whole])
    return np.frombuffer(heads, HEADER)


def are_forgotten(headers: NDArray[np.void]) -> NDArray[np.bool_]:
    """Return which records are markers of forgotten users, by their headers: `is_forgotten` of many."""
    parts = [headers[name] for name in (*WORDS_OF, "plays", "flags")]
    forgotten: NDArray[np.bool_] = ~np.logical_or.reduce([part != 0 for part in parts])
    return forgotten
