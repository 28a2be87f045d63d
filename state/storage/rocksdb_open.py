"""Opens the RocksDB of a process."""

from collections.abc import Callable
from pathlib import Path

import rocksdict

OPENINGS = 2


def open_rocksdb(folder: Path, make_options: Callable[[], rocksdict.Options]) -> rocksdict.Rdict:
    """Open or create a database.

    Another program that looked at the database, even read-only, may have left its own options in the folder. rocksdict
    then rejects ours, and writes them back. So the second opening succeeds.

    Raises:
        Exception: rocksdict's own, of the second opening: another process holds the folder, or a file is damaged.
    """
    for opening in range(1, OPENINGS + 1):
        try:
            return rocksdict.Rdict(str(folder), make_options())
        except Exception:
            if opening == OPENINGS:
                raise
    raise AssertionError
