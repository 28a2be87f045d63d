"""A generation on the disk: written atomically, verified, mapped read-only. Real files are damaged here."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.objective import Objective
from state.errors import GenerationError
from state.generations import generation as module
from state.generations.generation import Generation, open_generation, write_generation
from state.generations.generation_files import FILES, verify_generation
from state.generations.manifest import read_manifest, write_manifest
from state.generations.revision import Revision, write_revision
from state.keys import generation_key, item_key
from state.storage.checksums import write_checksums
from state.storage.files import fsync_folder
from tests.support.generations import FIRST_ID, catalog_of, make_generation, manifest_of


def said(act: Callable[[], object]) -> str:
    """Return the message of a generation that cannot be used."""
    with pytest.raises(GenerationError) as caught:
        act()
    return str(caught.value)


def flip(path: Path, place: int = -1) -> None:
    """Flip one bit of a file."""
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def add_part(folder: Path, name: str, content: bytes = b"content") -> Path:
    """Add a part with one file to a generation."""
    part = folder / name
    part.mkdir()
    (part / "file").write_bytes(content)
    write_checksums(part, ["file"])
    return part


def test_an_opened_generation_equals_the_written_one(tmp_path: Path) -> None:
    """Every item keeps its vector and its popularity; rows are sorted by descending norm."""
    catalog = catalog_of(popularity={"i3": 7.0})
    generation = make_generation(tmp_path, popularity={"i3": 7.0})

    rows = generation.rows_of(np.array([item_key(item_id) for item_id in catalog.item_ids], np.uint64))

    assert catalog.item_ids == generation.item_ids[rows].tolist()
    np.testing.assert_array_equal(catalog.item_factors, generation.item_factors[rows])
    np.testing.assert_array_equal(catalog.popularity, generation.popularity[rows])
    np.testing.assert_array_equal(catalog.gram_diagonal, generation.gram_diagonal)
    np.testing.assert_array_equal(np.linalg.norm(generation.item_factors, axis=1), generation.norms)
    assert (np.diff(generation.norms) <= 0).all()
    assert FIRST_ID == generation.id
    assert generation_key(FIRST_ID) == generation.key
    assert "i3" == generation.item_ids[generation.popular_order[0]]


def test_a_generation_is_mapped_read_only(tmp_path: Path) -> None:
    """Processes of one machine share its pages, and none can change them."""
    with pytest.raises(ValueError, match="read-only"):
        make_generation(tmp_path).item_factors[0] = 0


@given(st.lists(st.integers(0, 2**64 - 1), max_size=20))
def test_an_unknown_item_has_row_minus_one(tmp_path_factory: pytest.TempPathFactory, drawn: list[int]) -> None:
    """Also a key larger or smaller than all; the known ones between them keep their rows."""
    generation = shared_generation(tmp_path_factory)
    known = generation.item_keys[:3].tolist()
    keys = np.array([0, *known, *drawn, 2**64 - 1], np.uint64)
    rows = {int(key): row for row, key in enumerate(generation.item_keys)}

    assert [rows.get(key, -1) for key in keys.tolist()] == generation.rows_of(keys).tolist()


_SHARED: list[Generation] = []


def shared_generation(folders: pytest.TempPathFactory) -> Generation:
    """Make one generation for all examples."""
    if not _SHARED:
        _SHARED.append(make_generation(folders.mktemp("generation")))
    return _SHARED[0]


def test_an_existing_generation_is_never_overwritten(tmp_path: Path) -> None:
    """Writing under a taken name is an error, and the existing generation stays."""
    make_generation(tmp_path, seed=0)
    before = (tmp_path / FIRST_ID / "item_factors.npy").read_bytes()

    expected = f"Generation {FIRST_ID} exists in {tmp_path}; publish under another name."
    assert expected == said(lambda: make_generation(tmp_path, seed=1))
    assert before == (tmp_path / FIRST_ID / "item_factors.npy").read_bytes()


def test_a_generation_is_written_atomically(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer that crashes before the rename leaves nothing under the name, and the next attempt succeeds."""

    def die(_: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(module, "fsync_folder", die)
        with pytest.raises(KeyboardInterrupt):
            make_generation(tmp_path)

    assert not (tmp_path / FIRST_ID).exists()
    assert FIRST_ID == make_generation(tmp_path).id
    assert [FIRST_ID] == [path.name for path in tmp_path.iterdir()]


def test_a_generation_that_does_not_verify_gets_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is opened as a worker would open it before it is renamed."""

    def damage(folder: Path) -> None:
        fsync_folder(folder)
        flip(folder / "popularity.npy")

    monkeypatch.setattr(module, "fsync_folder", damage)

    expected = f"Generation {FIRST_ID} is damaged: popularity.npy does not match its checksum."
    assert expected == said(lambda: make_generation(tmp_path))
    assert not (tmp_path / FIRST_ID).exists()


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("place", [0, -1])
def test_a_flipped_bit_is_found(tmp_path: Path, name: str, place: int) -> None:
    """In every file, first byte or last."""
    make_generation(tmp_path)
    flip(tmp_path / FIRST_ID / name, place)

    expected = f"Generation {FIRST_ID} is damaged: {name} does not match its checksum."
    assert expected == said(lambda: open_generation(tmp_path / FIRST_ID))


@pytest.mark.parametrize("name", FILES)
def test_a_truncated_file_is_found(tmp_path: Path, name: str) -> None:
    """As a full disk leaves it."""
    make_generation(tmp_path)
    path = tmp_path / FIRST_ID / name
    path.write_bytes(path.read_bytes()[:-1])

    expected = f"Generation {FIRST_ID} is damaged: {name} does not match its checksum."
    assert expected == said(lambda: open_generation(tmp_path / FIRST_ID))


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_found(tmp_path: Path, name: str) -> None:
    """The sentence names it."""
    make_generation(tmp_path)
    (tmp_path / FIRST_ID / name).unlink()

    assert f"Generation {FIRST_ID} is incomplete: {name} is missing." == said(
        lambda: open_generation(tmp_path / FIRST_ID)
    )


def test_a_manifest_without_checksums_is_an_error(tmp_path: Path) -> None:
    """Files that cannot be verified are not served."""
    make_generation(tmp_path)
    manifest = read_manifest(tmp_path / FIRST_ID)
    write_manifest(tmp_path / FIRST_ID, msgspec.structs.replace(manifest, checksums={}))

    expected = f"Generation {FIRST_ID} is damaged: item_ids.json does not match its checksum."
    assert expected == said(lambda: open_generation(tmp_path / FIRST_ID))


def test_a_manifest_names_every_file(tmp_path: Path) -> None:
    """All that it was given survives, and every file has its checksum."""
    manifest = manifest_of(FIRST_ID, Objective(factors=8), 40)

    write_generation(tmp_path / FIRST_ID, manifest, catalog_of())
    written = read_manifest(tmp_path / FIRST_ID)

    assert set(FILES) == set(written.checksums)
    assert manifest == msgspec.structs.replace(written, checksums={})


@pytest.mark.parametrize("name", ["file", "checksums.json", "checksums.sha256"])
def test_a_damaged_part_is_found(tmp_path: Path, name: str) -> None:
    """Its own files, its record and the record's seal."""
    make_generation(tmp_path)
    flip(add_part(tmp_path / FIRST_ID, "related") / name, 0)

    expected = f"Part related of generation {FIRST_ID} is damaged: {name} does not match its checksum."
    assert expected == said(lambda: verify_generation(tmp_path / FIRST_ID))
    assert FIRST_ID == open_generation(tmp_path / FIRST_ID).id


def test_a_generation_without_a_revision_has_none(tmp_path: Path) -> None:
    """Number 0 is asked of it all the same; another number is a sentence."""
    make_generation(tmp_path)

    revision = open_generation(tmp_path / FIRST_ID, 0).revision

    assert 0 == revision.number
    assert revision.index is None
    assert [] == revision.withdrawn_rows.tolist()
    expected = f"Generation {FIRST_ID} has no revision 2; it has none."
    assert expected == said(lambda: open_generation(tmp_path / FIRST_ID, 2))


def test_the_highest_revision_is_opened(tmp_path: Path) -> None:
    """Or the one that is asked for; one that is not there is a sentence, and a damaged one too."""
    generation = make_generation(tmp_path)
    for number in (2, 10):
        write_revision(generation, tmp_path / FIRST_ID, number, [f"i{number}"], 2)

    assert ("i10",) == open_generation(tmp_path / FIRST_ID).revision.withdrawn
    assert ("i2",) == open_generation(tmp_path / FIRST_ID, 2).revision.withdrawn
    assert f"Generation {FIRST_ID} has no revision 3; it has 2, 10." == said(
        lambda: open_generation(tmp_path / FIRST_ID, 3)
    )
    flip(tmp_path / FIRST_ID / "revision-10" / "revision.json")
    expected = f"Revision 10 of generation {FIRST_ID} is damaged: revision.json does not match its checksum."
    assert expected == said(lambda: open_generation(tmp_path / FIRST_ID))
    assert expected == said(lambda: verify_generation(tmp_path / FIRST_ID))


def test_another_revision_shares_the_items(tmp_path: Path) -> None:
    """Computed arrays are shared, and the first generation keeps its revision."""
    generation = make_generation(tmp_path)
    norms, preference = generation.norms, generation.preference
    other = Revision(3, np.array([1], np.int32), None)

    revised = generation.with_revision(other)

    assert 0 == generation.revision.number
    assert 3 == revised.revision.number
    assert revised.norms is norms
    assert revised.preference is preference
    assert revised.item_factors is generation.item_factors


def test_ids_written_with_spaces_are_the_same_ids(tmp_path: Path) -> None:
    """Lists copy the text of the ids, which another writer may have laid out in another way."""
    generation = make_generation(tmp_path)
    spaced = replace(
        generation, item_ids_text=np.frombuffer(json.dumps(generation.item_ids.tolist()).encode(), np.uint8)
    )

    assert generation.json_ids.text.tobytes() == spaced.json_ids.text.tobytes()
