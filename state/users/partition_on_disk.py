"""Read records of a partition's state from its files, while a worker may have it open."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from state.storage.rocksdb_read import values_on_disk
from state.users.changelog import Place, place_of
from state.users.stored_keys import PLACE_KEY


class OnDisk(NamedTuple):
    """The contents of a state's files, without the unflushed writes of a running worker."""

    place: Place
    values: list[bytes | None]
    """The value of every requested key, None for a missing one."""


def read_on_disk(folder: Path, keys: Sequence[bytes]) -> OnDisk:
    """Read the values of keys from a partition's files, without a change to its folder.

    Args:
        folder: Folder of the database.
        keys: The keys to read.

    Raises:
        StateError: The database cannot be opened.
    """
    place, *values = values_on_disk(folder, [PLACE_KEY, *keys])
    return OnDisk(place_of(place), values)
