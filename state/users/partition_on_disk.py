"""Read records of a partition's state from its files, while a worker may have it open."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from state.storage.rocksdb_read import values_on_disk
from state.users.partition import PLACE_KEY, Place, place_of


class OnDisk(NamedTuple):
    """What the files of a state hold; what a running worker has in memory is not in them."""

    place: Place
    values: list[bytes | None]
    """The value of every key asked for, None where there is none."""


def read_on_disk(folder: Path, keys: Sequence[bytes]) -> OnDisk:
    """Read keys of a partition's state and leave its folder alone.

    Args:
        folder: Folder of the database.
        keys: What to read.

    Raises:
        StateError: It cannot be opened.
    """
    place, *values = values_on_disk(folder, [PLACE_KEY, *keys])
    return OnDisk(place_of(place), values)
