"""The free space on the disk of a folder."""

import shutil
from pathlib import Path
from typing import NamedTuple


class DiskSpace(NamedTuple):
    """The space on the disk of a folder."""

    free_bytes: int
    """Bytes that an unprivileged process may still write."""
    size_bytes: int


def disk_space_of(folder: Path) -> DiskSpace:
    """Return the space on the disk of a folder; the folder need not exist yet.

    Raises:
        OSError: The disk does not answer.
    """
    usage = shutil.disk_usage(_existing(folder))
    return DiskSpace(usage.free, usage.total)


def on_one_disk(folder: Path, other: Path) -> bool:
    """Return whether two folders lie on the same file system; they need not exist yet.

    Free space does not answer this: it changes between two questions.

    Raises:
        OSError: A disk does not answer.
    """
    return _existing(folder).stat().st_dev == _existing(other).stat().st_dev


def _existing(folder: Path) -> Path:
    return next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
