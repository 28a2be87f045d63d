"""The free space on a disk, compared with the answer of the operating system."""

import os
from pathlib import Path

import pytest

from state.storage.disk_space import disk_space_of, on_one_disk


def test_the_space_is_that_of_the_folders_disk(tmp_path: Path) -> None:
    """Free is the space for an unprivileged process; other processes may write meanwhile."""
    usage = os.statvfs(tmp_path)

    space = disk_space_of(tmp_path)

    assert usage.f_blocks * usage.f_frsize == space.size_bytes
    assert usage.f_bavail * usage.f_frsize == pytest.approx(space.free_bytes, rel=0.01)


def test_a_folder_that_does_not_exist_yet_has_the_space_of_its_parent(tmp_path: Path) -> None:
    """It would be created there."""
    assert disk_space_of(tmp_path).size_bytes == disk_space_of(tmp_path / "data" / "workers").size_bytes


def test_folders_of_one_disk_are_on_one_disk_while_files_are_written(tmp_path: Path) -> None:
    """The free space changes between two questions, so it does not identify a disk."""
    (tmp_path / "written").write_bytes(b"1" * 100_000)

    assert on_one_disk(tmp_path / "data" / "generations", tmp_path)
    assert not on_one_disk(Path("/proc/self"), tmp_path)
