"""A folder of files that is verified by its own record. Real files are damaged here."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from state.errors import GenerationError
from state.storage.checksums import read_checksums, verify_file_set, write_checksums, write_sealed

CONTENT = {"first": b"1" * 100, "second": b"2"}
ALL = [*CONTENT, "checksums.json", "checksums.sha256"]


def said(act: Callable[[], object]) -> str:
    """Return the sentence of a set that cannot be used."""
    with pytest.raises(GenerationError) as caught:
        act()
    return str(caught.value)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a set of two files."""
    for name, content in CONTENT.items():
        (tmp_path / name).write_bytes(content)
    write_checksums(tmp_path, CONTENT)
    return tmp_path


def test_a_whole_set_verifies(folder: Path) -> None:
    """Its record lists all files, and none else."""
    verify_file_set(folder, "It")

    assert set(CONTENT) == set(read_checksums(folder, "It"))


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("place", [0, -1])
def test_a_flipped_bit_is_found(folder: Path, name: str, place: int) -> None:
    """In every file, in the record and in its seal: the sentence names the one that is damaged."""
    content = bytearray((folder / name).read_bytes())
    content[place] ^= 1
    (folder / name).write_bytes(content)

    assert f"It is damaged: {name} does not match its checksum." == said(lambda: verify_file_set(folder, "It"))


@pytest.mark.parametrize("name", ALL)
def test_a_truncated_file_is_found(folder: Path, name: str) -> None:
    """As a full disk leaves it."""
    (folder / name).write_bytes((folder / name).read_bytes()[:-1])

    assert f"It is damaged: {name} does not match its checksum." == said(lambda: verify_file_set(folder, "It"))


@pytest.mark.parametrize("name", ALL)
def test_a_missing_file_is_found(folder: Path, name: str) -> None:
    """The sentence names it."""
    (folder / name).unlink()

    assert f"It is incomplete: {name} is missing." == said(lambda: verify_file_set(folder, "It"))


def test_a_folder_that_is_not_there_is_incomplete(folder: Path) -> None:
    """No traceback of the system's."""
    assert "It is incomplete: checksums.json is missing." == said(lambda: verify_file_set(folder / "no", "It"))


def test_a_sealed_record_may_still_make_no_sense(folder: Path) -> None:
    """Somebody else's record is not taken for ours."""
    write_checksums(folder, ["first"], "record.json")
    write_sealed(folder / "checksums.json", b"[]")

    expected = "It is damaged: checksums.json cannot be read (Expected `object`, got `array`)."
    assert expected == said(lambda: verify_file_set(folder, "It"))
    verify_file_set(folder, "It", "record.json")


@pytest.mark.processes
def test_the_seal_is_read_by_sha256sum(folder: Path) -> None:
    """An operator can check a record without us."""
    command = ["sha256sum", "--check", "--strict", "checksums.sha256"]

    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)

    assert "checksums.json: OK\n" * 2 == ended.stdout, ended.stderr
    assert 0 == ended.returncode
