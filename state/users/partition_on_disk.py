"""What stands on the disk of a partition's state, or of another RocksDB, whether or not a process has it open."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import rocksdict

from state.errors import StateError
from state.users.partition import PLACE_KEY, Place, place_of

TRIES = 3
_COPIED = "rocksdict-config.json"


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


def values_on_disk(folder: Path, keys: Sequence[bytes]) -> list[bytes | None]:
    """Read keys of a database and leave its folder alone.

    Raises:
        StateError: It cannot be opened.
    """
    for tried in range(1, TRIES + 1):
        try:
            return _read(folder, keys)
        except Exception as error:
            if tried == TRIES:
                message = f"The state in {folder} cannot be read: {error}."
                raise StateError(message) from error
    raise AssertionError


def _read(folder: Path, keys: Sequence[bytes]) -> list[bytes | None]:
    """Read through links in a folder aside, for rocksdict writes into the one that it opens, even to read."""
    with tempfile.TemporaryDirectory() as aside:
        for path in folder.absolute().iterdir():
            if path.name == _COPIED:
                shutil.copyfile(path, Path(aside, _COPIED))
            else:
                Path(aside, path.name).symlink_to(path)
        options = rocksdict.Options(raw_mode=True)
        access = rocksdict.AccessType.read_only(error_if_log_file_exist=False)
        database = rocksdict.Rdict(aside, options, access_type=access)
        try:
            found: list[bytes | None] = database.get(list(keys))
            return found
        finally:
            database.close()
