"""Keys of the view: kinds of records, lists on another partition than their key's, and next offsets."""

from struct import Struct

LIST, RELATED, ITEM = b"L", b"R", b"I"
"""Prefixes of the keys of lists, related items and catalog items."""
MISPLACED = b"M"
"""Prefix of the keys of lists on a partition that is not the one of their key: user id, zero byte, partition."""
OFFSET = b"\x00"
"""Prefix of the keys of partitions' next offsets."""
NUMBER = Struct(">q")
"""Values of next offsets and times."""
PARTITION = Struct(">I")
"""End of a misplaced list's key."""


def misplaced_key(key: bytes, partition: int) -> bytes:
    """Return the key of a list on another partition than the one of its own key."""
    return MISPLACED + key + b"\x00" + PARTITION.pack(partition)


def offset_key(topic: str, partition: int) -> bytes:
    """Return the key of a partition's next offset."""
    return OFFSET + f"{topic}:{partition}".encode()
