"""Folders and files: written to the disk for sure, or held by one process alone."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from state.errors import StateError

_REMOVED = ".removed-"


def write_file(path: Path, content: bytes) -> None:
    """Write a file and wait until it is on the disk."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def fsync_folder(folder: Path) -> None:
    """Wait until a folder's files and their names are on the disk."""
    for path in (*folder.iterdir(), folder):
        if path.is_file() or path == folder:
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def fsync_tree(folder: Path) -> None:
    """Wait until a folder and all folders in it are on the disk."""
    for found in (*(path for path in folder.rglob("*") if path.is_dir()), folder):
        fsync_folder(found)


def last_written_s(folder: Path) -> float | None:
    """Return when a file of a folder was written last, in seconds since 1970; None if there is no file."""
    return max((path.stat().st_mtime for path in folder.glob("*") if path.is_file()), default=None)


def remove_folder(folder: Path) -> None:
    """Remove a folder: whoever looks for it finds all of it or none, however this process ends.

    What a process that died half-way leaves aside is for `finish_removals`.
    """
    aside = folder.with_name(_REMOVED + folder.name)
    folder.rename(aside)
    fsync_folder(folder.parent)
    shutil.rmtree(aside)


def finish_removals(parent: Path) -> None:
    """Remove what is left of folders of `parent` that were being removed when their process died."""
    for aside in parent.glob(f"{_REMOVED}*"):
        shutil.rmtree(aside)


def link_folder(source: Path, target: Path) -> None:
    """Give a folder's files another name each, or copy them where that is another disk; hidden files stay behind.

    Wait until all of it is on the disk. The files are never changed in place, so both names may share them.
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
    """Wait for a turn to write into a folder, and give an empty folder aside in it, from which to rename.

    The turn ends with the process, however that ends; what it left aside is removed when the next one begins.
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
    """Hold a folder for this process; the lock goes with the process, however it ends.

    Args:
        folder: Made if it is not there.
        message: What to say if another process holds it.

    Raises:
        StateError: Another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StateError(message) from None
        yield
