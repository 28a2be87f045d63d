"""Files and folders: durable writes, atomic removal, and locks between processes."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from state.errors import StateError

_REMOVED = ".removed-"


def write_file(path: Path, content: bytes, mode: int = 0o666) -> None:
    """Write a file and sync it; the umask may take bits from `mode`, which an existing file keeps."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def fsync_folder(folder: Path) -> None:
    """Sync a folder: its files and their names."""
    for path in (*folder.iterdir(), folder):
        if path.is_file() or path == folder:
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def fsync_tree(folder: Path) -> None:
    """Sync a folder and all folders in it."""
    for path in (*(path for path in folder.rglob("*") if path.is_dir()), folder):
        fsync_folder(path)


def last_written_s(folder: Path) -> float | None:
    """Return the latest modification time of a folder's files, in seconds since 1970; None without files."""
    return max((path.stat().st_mtime for path in folder.glob("*") if path.is_file()), default=None)


def remove_folder(folder: Path) -> None:
    """Remove a folder atomically: after a crash it is complete or gone.

    A crash may leave a renamed folder behind, which `finish_removals` removes.
    """
    aside = folder.with_name(_REMOVED + folder.name)
    folder.rename(aside)
    fsync_folder(folder.parent)
    shutil.rmtree(aside)


def finish_removals(parent: Path) -> None:
    """Remove the folders that a crash in `remove_folder` left in `parent`."""
    for aside in parent.glob(f"{_REMOVED}*"):
        shutil.rmtree(aside)


def link_folder(source: Path, target: Path) -> None:
    """Hard-link a folder's files into a new folder and sync it; copy them if it is on another disk.

    Hidden files are left out. Files are never changed in place, so two names can share them.
    """
    shutil.copytree(source, target, copy_function=_link_or_copy, ignore=shutil.ignore_patterns(".*"))
    fsync_tree(target)


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


@contextmanager
def aside_in(folder: Path) -> Iterator[Path]:
    """Lock a folder for writing, and yield an empty folder aside in it, from which to rename.

    A crash releases the lock. The next writer removes the files that a crash left aside.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".turn").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        aside = folder / ".aside"
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
        try:
            yield aside
        finally:
            shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def locked_folder(folder: Path, message: str) -> Iterator[None]:
    """Lock a folder for this process; a crash releases the lock.

    Args:
        folder: Created if it does not exist.
        message: The error message if another process has the lock.

    Raises:
        StateError: Another process has the lock.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StateError(message) from None
        yield
