"""The work that every engine does in the benchmark `state_output`, so that only the engines differ.

A play is decoded, appended to its user's bounded history in durable state, and a list of 300 bytes goes out.
"""

import struct

import msgspec

HISTORY_BYTES_MAX = 320
ENTRY = struct.Struct("<QfI")
LIST = b"x" * 300


class Heard(msgspec.Struct):
    """The part of a play that the work needs."""

    item_id: str


def append_play(history: bytes, item_id: str) -> bytes:
    """Return a history with one more play, the oldest dropped."""
    return (history + ENTRY.pack(hash(item_id) & (2**63 - 1), 1.0, 1))[-HISTORY_BYTES_MAX:]
