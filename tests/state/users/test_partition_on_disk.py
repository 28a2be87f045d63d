"""The files of a partition's state, read while somebody has it open."""

from pathlib import Path

import pytest

from state.errors import StateError
from state.users.changelog import Place
from state.users.partition import PartitionState
from state.users.partition_on_disk import OnDisk, read_on_disk


def files_of(folder: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of change of every file."""
    return {path.name: (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.iterdir()}


def test_what_is_written_out_is_read_and_the_folder_is_left_alone(tmp_path: Path) -> None:
    """While it is open, without the records in memory; and once it is closed, with them."""
    folder = tmp_path / "0"
    state = PartitionState(folder)
    state.commit([(b"ann", b"1"), (b"ben", b"1")], Place(3, 3))
    state.close()
    state = PartitionState(folder)
    state.commit([(b"ann", b"2")], Place(4, 4))
    before = files_of(folder)

    assert OnDisk(Place(3, 3), [b"1", None, b"1"]) == read_on_disk(folder, [b"ann", b"eve", b"ben"])

    assert before == files_of(folder)
    state.commit([(b"ben", b"2")], Place(5, 5))
    state.close()
    assert OnDisk(Place(5, 5), [b"2", b"2"]) == read_on_disk(folder, [b"ann", b"ben"])


def test_what_is_no_state_is_told(tmp_path: Path) -> None:
    """The sentence names the folder."""
    with pytest.raises(StateError, match=f"^The state in {tmp_path} cannot be read: "):
        read_on_disk(tmp_path, [b"ann"])
