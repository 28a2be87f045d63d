"""A generation on disk: whole or not at all, verified, mapped read-only. Real files are damaged here."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.objective import Objective
from state import generation as module
from state.disk import fsync_folder
from state.errors import GenerationError
from state.generation import FILES, MANIFEST, Generation, open_generation, read_manifest, write_generation
from state.keys import generation_key, item_key
from tests.state.builders import FIRST_ID, catalog_of, make_generation, manifest_of


def said(act: Callable[[], object]) -> str:
    """Return the sentence of a generation that cannot be used."""
    with pytest.raises(GenerationError) as caught:
        act()
    return str(caught.value)


def flip(path: Path, place: int = -1) -> None:
    """Flip one bit of a file."""
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def change_manifest(folder: Path, **changed: object) -> None:
    """Write other fields into a manifest."""
    fields = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=dict[str, object])
    (folder / MANIFEST).write_bytes(msgspec.json.encode(fields | changed))


def test_what_was_written_is_what_is_opened(tmp_path: Path) -> None:
    """Every item keeps its vector and its popularity; rows stand by descending norm."""
    catalog = catalog_of(popularity={"i3": 7.0})
    generation = make_generation(tmp_path, popularity={"i3": 7.0})

    rows = generation.rows_of(np.array([item_key(item_id) for item_id in catalog.item_ids], np.uint64))

    assert catalog.item_ids == generation.item_ids[rows].tolist()
    np.testing.assert_array_equal(catalog.item_factors, generation.item_factors[rows])
    np.testing.assert_array_equal(catalog.popularity, generation.popularity[rows])
    np.testing.assert_array_equal(catalog.gram_diagonal, generation.gram_diagonal)
    np.testing.assert_array_equal(np.linalg.norm(generation.item_factors, axis=1), generation.norms)
    assert (np.diff(generation.norms) <= 0).all()
    assert (FIRST_ID, generation_key(FIRST_ID)) == (generation.id, generation.key)
    assert "i3" == generation.item_ids[generation.popular_rows[0]]


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


def test_an_existing_generation_is_never_written_over(tmp_path: Path) -> None:
    """Publishing under a name that is taken is refused, and what is there stays."""
    make_generation(tmp_path, seed=0)
    before = (tmp_path / FIRST_ID / "item_factors.npy").read_bytes()

    expected = f"Generation {FIRST_ID} exists in {tmp_path}; publish under another name."
    assert expected == said(lambda: make_generation(tmp_path, seed=1))
    assert before == (tmp_path / FIRST_ID / "item_factors.npy").read_bytes()


def test_a_generation_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer that dies before the rename leaves nothing under the name, and the next attempt succeeds."""

    def die(_: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(module, "fsync_folder", die)
        with pytest.raises(KeyboardInterrupt):
            make_generation(tmp_path)

    assert not (tmp_path / FIRST_ID).exists()
    assert FIRST_ID == make_generation(tmp_path).id
    assert [FIRST_ID] == [path.name for path in tmp_path.iterdir()]


def test_what_does_not_verify_is_not_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is opened as a worker would open it before it gets its name."""

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


def test_a_manifest_without_checksums_verifies_nothing(tmp_path: Path) -> None:
    """What cannot be verified is not served."""
    make_generation(tmp_path)
    change_manifest(tmp_path / FIRST_ID, checksums={})

    expected = f"Generation {FIRST_ID} is damaged: item_ids.json does not match its checksum."
    assert expected == said(lambda: open_generation(tmp_path / FIRST_ID))


def test_a_generation_of_another_format_is_not_opened(tmp_path: Path) -> None:
    """A later version's generation is not mistaken for one of ours."""
    make_generation(tmp_path)
    change_manifest(tmp_path / FIRST_ID, format=2)

    expected = f"Generation {FIRST_ID} is of format 2; this version reads 1."
    assert expected == said(lambda: open_generation(tmp_path / FIRST_ID))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"format":1,"generation_id":"\xff', b"[" * 100_000])
def test_a_damaged_manifest_is_a_sentence(tmp_path: Path, content: bytes) -> None:
    """Whatever bytes stand there."""
    make_generation(tmp_path)
    (tmp_path / FIRST_ID / MANIFEST).write_bytes(content)

    sentence = said(lambda: open_generation(tmp_path / FIRST_ID))
    assert sentence.startswith(f"Generation {FIRST_ID} is damaged: its manifest cannot be read (")
    assert sentence.endswith(").")


def test_a_generation_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    """The sentence says where to look."""
    expected = f"Generation {FIRST_ID} is not in {tmp_path}; `playfold generations list` shows what is."

    assert expected == said(lambda: read_manifest(tmp_path / FIRST_ID))


def test_a_manifest_says_what_it_was_given(tmp_path: Path) -> None:
    """All fields survive, infinite half-lives too, and every file has its checksum."""
    objective = Objective("hkv", factors=8, half_life_plays=float("inf"))
    manifest = msgspec.structs.replace(
        manifest_of(FIRST_ID, objective, 40), parent="before", trained_through={0: 5, 3: 9}
    )

    write_generation(tmp_path / FIRST_ID, manifest, catalog_of())
    found = read_manifest(tmp_path / FIRST_ID)

    assert set(FILES) == set(found.checksums)
    assert manifest == msgspec.structs.replace(found, checksums={})
