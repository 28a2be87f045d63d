"""Generations in a folder; `tests/contract` tests the behaviour of every store."""

import os
import threading
from pathlib import Path

import pytest

from state.errors import GenerationError
from state.generations.folder_store import FolderStore
from state.generations.manifest import MANIFEST
from state.generations.store import GenerationStore
from tests.support.generations import FIRST_ID, SECOND_ID
from tests.support.stores import write_night


def listed(store: GenerationStore) -> list[str]:
    """Return the names of the listed generations."""
    return [manifest.generation_id for manifest in store.manifests()]


def test_a_damaged_generation_is_a_problem(tmp_path: Path) -> None:
    """A damaged or missing manifest, a folder aside and a stray file do not hide the others."""
    store = FolderStore(tmp_path / "store")
    for generation_id in (FIRST_ID, SECOND_ID):
        store.publish(write_night(tmp_path, generation_id))
    (tmp_path / "store" / FIRST_ID / MANIFEST).unlink()
    (tmp_path / "store" / FIRST_ID / MANIFEST).write_bytes(b"\xff")
    (tmp_path / "store" / "empty").mkdir()
    (tmp_path / "store" / ".aside" / "other").mkdir(parents=True)
    (tmp_path / "store" / "note.txt").touch()

    assert [SECOND_ID] == listed(store)
    assert {
        FIRST_ID: f"Generation {FIRST_ID} is damaged: manifest.json does not match its checksum.",
        "empty": "Generation empty is incomplete: manifest.json is missing.",
    } == store.problems()


def test_publishing_copies_no_files(tmp_path: Path) -> None:
    """On one disk the files are linked; removing the first name leaves the second."""
    store = FolderStore(tmp_path / "store")
    folder = write_night(tmp_path, FIRST_ID)
    store.publish(folder)
    published = store.folder(FIRST_ID) / "item_factors.npy"

    assert (folder / "item_factors.npy").stat().st_ino == published.stat().st_ino
    (folder / "item_factors.npy").unlink()
    store.verify(FIRST_ID)


def test_another_disk_gets_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hard links do not work between disks."""

    def refuse(source: str, target: str) -> None:
        raise OSError(18, "Invalid cross-device link", source, None, target)

    monkeypatch.setattr(os, "link", refuse)
    store = FolderStore(tmp_path / "store")
    store.publish(write_night(tmp_path, FIRST_ID))

    assert FIRST_ID == store.verify(FIRST_ID).generation_id


def test_publishers_take_turns(tmp_path: Path) -> None:
    """Of several publishers of one name at once, one succeeds; publishers of other names are not disturbed."""
    folders = [write_night(tmp_path, FIRST_ID, seed=seed) for seed in range(4)]
    folders += [write_night(tmp_path, SECOND_ID)]
    refused: list[str] = []

    def publish(folder: Path) -> None:
        try:
            FolderStore(tmp_path / "store").publish(folder)
        except GenerationError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=publish, args=(folder,)) for folder in folders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [f"Generation {FIRST_ID} exists in {tmp_path / 'store'}; publish under another name."] * 3 == refused
    store = FolderStore(tmp_path / "store")
    assert [FIRST_ID, SECOND_ID] == [store.verify(name).generation_id for name in listed(store)]


def test_the_files_of_a_crashed_publisher_are_removed(tmp_path: Path) -> None:
    """The next publisher removes them."""
    store = FolderStore(tmp_path / "store")
    (tmp_path / "store" / ".aside" / SECOND_ID).mkdir(parents=True)

    store.publish(write_night(tmp_path, FIRST_ID))

    assert {".turn", FIRST_ID} == {path.name for path in (tmp_path / "store").iterdir()}
