"""Stable 64-bit keys of names: the same in every process and every version."""

import xxhash

ITEM_NAME_PREFIX = b"\x00"
"""First byte of the changelog key of an item name; user ids are printable, so no user id begins with it."""

EPOCH_KEY = ITEM_NAME_PREFIX + b"epoch"
"""Changelog key of the record that names a partition's present `plays` topic (`state/users/plays_epoch.py`)."""

LISTS_KEY = ITEM_NAME_PREFIX + b"lists"
"""Changelog key of the record that names the topic of a partition's lists (`state/users/lists_topic.py`)."""

TOPIC_KEYS = frozenset((EPOCH_KEY, LISTS_KEY))
"""Changelog keys of the records that name topics."""

MARK = 0xFFFF_FFFF
"""Mask of an item key's low bits: a record stores the list published last as these 32 bits of each key."""


def item_key(item_id: str) -> int:
    """Return the key of an item id: XXH3-64 of its UTF-8 bytes.

    >>> item_key("song-1") == item_key("song-1") != item_key("song-2")
    True
    """
    return xxhash.xxh3_64_intdigest(item_id.encode())


def user_key(user_id: str) -> int:
    """Return a hash of a user id, uniform below 2^64, by which shares of the users are drawn."""
    return xxhash.xxh3_64_intdigest(user_id.encode())


def generation_key(generation_id: str) -> int:
    """Return the key of a generation in user records, never 0, which means none."""
    return xxhash.xxh3_64_intdigest(generation_id.encode()) or 1


def play_id_key(play_id: str) -> int:
    """Return the key of a client's play id in user records, never 0, which means none."""
    return xxhash.xxh3_64_intdigest(play_id.encode()) or 1


def item_name_key(key: int) -> bytes:
    """Return the changelog key of an item's name."""
    return ITEM_NAME_PREFIX + key.to_bytes(8, "big")


def key_of_item_name(name_key: bytes) -> int:
    """Return the key of the item whose name stands under a changelog key.

    >>> key_of_item_name(item_name_key(7))
    7
    """
    return int.from_bytes(name_key[len(ITEM_NAME_PREFIX) :], "big")


def is_item_name(key: bytes) -> bool:
    """Return whether a changelog key is that of an item's name."""
    return key[:1] == ITEM_NAME_PREFIX and key not in TOPIC_KEYS


def is_user(key: bytes) -> bool:
    """Return whether a changelog key is a user id: neither an item's name nor the key of a topic."""
    return key[:1] != ITEM_NAME_PREFIX
