"""Stable 64-bit keys of names, the same in every process and for ever."""

import xxhash

ITEM_NAME_PREFIX = b"\x00"
"""First byte of a key that holds an item's name; a user id is printable and never begins so."""

MARK = 0xFFFF_FFFF
"""Mask of an item key's low bits: a record stores the list published last as these 32 bits of each key."""


def item_key(item_id: str) -> int:
    """Return the key of an item id: XXH3-64 of its UTF-8 bytes.

    >>> item_key("song-1") == item_key("song-1") != item_key("song-2")
    True
    """
    return xxhash.xxh3_64_intdigest(item_id.encode())


def user_key(user_id: str) -> int:
    """Return a number of a user id that is spread evenly below 2^64, by which shares of the users are drawn."""
    return xxhash.xxh3_64_intdigest(user_id.encode())


def generation_key(generation_id: str) -> int:
    """Return the key that user records carry of a generation; 0 stands for none."""
    return xxhash.xxh3_64_intdigest(generation_id.encode()) or 1


def play_id_key(play_id: str) -> int:
    """Return the key under which a client's play id is remembered; 0 stands for none."""
    return xxhash.xxh3_64_intdigest(play_id.encode()) or 1


def item_name_key(key: int) -> bytes:
    """Return the changelog key under which an item's name stands."""
    return ITEM_NAME_PREFIX + key.to_bytes(8, "big")


def is_item_name(key: bytes) -> bool:
    """Tell whether a changelog key holds an item's name, not a user."""
    return key[:1] == ITEM_NAME_PREFIX
