"""The partition of a key, and the choice between states of a key on several partitions."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TypeVar

from aiokafka.partitioner import murmur2

KEYS_CACHED_MAX = 200_000
Stored = TypeVar("Stored")


@lru_cache(KEYS_CACHED_MAX)
def partition_of(key: str, n_partitions: int) -> int:
    """Return the partition of a key such as a user id: murmur2, the default of Kafka's clients."""
    return partition_of_bytes(key.encode(), n_partitions)


def partition_of_bytes(key: bytes, n_partitions: int) -> int:
    """Return the partition of a key as it is on the wire."""
    return int(murmur2(key) & 0x7FFFFFFF) % n_partitions


def fullest(
    by_partition: Mapping[int, Stored], plays_of: Callable[[Stored], int], home: int
) -> tuple[int, Stored] | None:
    """Return the partition and the state of a key with the most plays, of equals that of the key's own partition.

    A producer with another partitioner leaves states of a key on several partitions.

    >>> fullest({0: "one", 3: "three"}, len, home=0)
    (3, 'three')
    """
    return max(by_partition.items(), key=lambda item: (plays_of(item[1]), item[0] == home), default=None)
