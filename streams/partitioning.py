"""The partition of a key."""

from functools import lru_cache

from aiokafka.partitioner import murmur2

KEYS_CACHED_MAX = 200_000


@lru_cache(KEYS_CACHED_MAX)
def partition_of(key: str, n_partitions: int) -> int:
    """Return the partition of a key such as a user id: murmur2, the default of Kafka's clients."""
    return partition_of_bytes(key.encode(), n_partitions)


def partition_of_bytes(key: bytes, n_partitions: int) -> int:
    """Return the partition of a key as it is on the wire."""
    return int(murmur2(key) & 0x7FFFFFFF) % n_partitions
