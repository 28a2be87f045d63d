"""Reads a listener's lists from the files of a view that a gateway may have open."""

from pathlib import Path

from state.gateway_view.keys import LIST, NUMBER, misplaced_key, offset_key
from state.storage.rocksdb_read import values_on_disk


def lists_on_disk(folder: Path, user_id: str, topic: str, home: int, n_partitions: int) -> dict[int, int]:
    """Read a listener's lists from the files of a view, without the writes in the memory of a running gateway.

    Args:
        folder: The folder of the view, which a gateway may have open.
        user_id: The listener.
        topic: The topic of the lists.
        home: The partition of the listener's key.
        n_partitions: Partitions of the topic.

    Returns:
        By partition with a list, the offset after the last record of the partition in the files.

    Raises:
        StateError: It cannot be opened.
    """
    key, numbers = user_id.encode(), range(n_partitions)
    places = [misplaced_key(key, number) for number in numbers]
    places[home] = LIST + key
    values = values_on_disk(folder, [*places, *(offset_key(topic, number) for number in numbers)])
    offsets = [NUMBER.unpack(value)[0] if value else 0 for value in values[n_partitions:]]
    return {number: offsets[number] for number in numbers if values[number] is not None}
