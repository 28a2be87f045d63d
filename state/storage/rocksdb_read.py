"""Reads a RocksDB that another process may have open."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import rocksdict

from state.errors import StateError

TRIES = 3
_COPIED = "rocksdict-config.json"


def values_on_disk(folder: Path, keys: Sequence[bytes]) -> list[bytes | None]:
    """Read keys of a database without changing its folder.

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
    """Read through links in a temporary folder: rocksdict writes into the folder that it opens, even read-only."""
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
            values: list[bytes | None] = database.get(list(keys))
            return values
        finally:
            database.close()
