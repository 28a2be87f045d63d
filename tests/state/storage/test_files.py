"""Folders and files."""

import subprocess
import sys
from pathlib import Path

import pytest

from state.errors import StateError
from state.storage.files import fsync_folder, locked_folder, write_file

PROJECT = Path(__file__).parents[3]
TAKEN = "Another one holds it: wait."
HOLDER = """
import sys, time
from pathlib import Path
from state.storage.files import locked_folder
with locked_folder(Path(sys.argv[1]), "Held."):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.mark.processes
def test_a_folder_is_held_by_one_process(tmp_path: Path) -> None:
    """The second one gets the sentence; the lock goes with the process that held it, even by SIGKILL."""
    folder = tmp_path / "workers" / "a"
    command = [sys.executable, "-c", HOLDER, str(folder)]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        try:
            assert holder.stdout.readline() == "held\n"
            with pytest.raises(StateError) as caught, locked_folder(folder, TAKEN):
                pass
        finally:
            holder.kill()

    assert TAKEN == str(caught.value)
    with locked_folder(folder, TAKEN):
        assert (folder / "lock").exists()


def test_a_folder_can_be_held_again(tmp_path: Path) -> None:
    """Leaving the block lets go of it."""
    with locked_folder(tmp_path, TAKEN):
        pass
    with locked_folder(tmp_path, TAKEN), pytest.raises(StateError), locked_folder(tmp_path, TAKEN):
        pass


def test_a_file_is_written_whole(tmp_path: Path) -> None:
    """The new content replaces the old one."""
    path = tmp_path / "file"
    path.write_bytes(b"longer than what follows")

    write_file(path, b"new")
    fsync_folder(tmp_path)

    assert b"new" == path.read_bytes()
