"""A revision on the disk: written atomically, verified, and tied to its generation. Real files are damaged here."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest

from state.errors import GenerationError
from state.generations import revision as module
from state.generations.generation import Generation, open_generation
from state.generations.item_index import IndexBuildError, n_long_of
from state.generations.revision import INDEX, RECORD, Revision, open_revision, write_revision
from state.keys import item_key
from state.storage.checksums import write_checksums
from state.storage.files import fsync_folder
from tests.support.generations import FIRST_ID, SECOND_ID, make_generation

pytestmark = pytest.mark.processes

N_ITEMS, TREES = 200, 3
WITHDRAWN = ["i7", "unknown", "i3"]


def write(
    folder: Path, generation: Generation, number: int = 1, withdrawn: Sequence[str] = WITHDRAWN, trees: int = TREES
) -> Path:
    """Write a revision into the generation's own folder, which lies in `folder`."""
    return write_revision(generation, folder / generation.id, number, withdrawn, trees)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write one generation and its revision for all tests, which work on copies."""
    folder = tmp_path_factory.mktemp("written")
    write(folder, make_generation(folder, n_items=N_ITEMS))
    return folder / FIRST_ID


@pytest.fixture
def generation(tmp_path: Path, written: Path) -> Generation:
    """Give a generation with items enough for an index, and no revision yet."""
    shutil.copytree(written, tmp_path / FIRST_ID, ignore=shutil.ignore_patterns("revision-*"))
    return open_generation(tmp_path / FIRST_ID)


@pytest.fixture
def part(generation: Generation, tmp_path: Path, written: Path) -> Path:
    """Give its revision, in the place where `write` writes it."""
    return shutil.copytree(written / "revision-1", tmp_path / generation.id / "revision-1")


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def said(act: Callable[[], object]) -> str:
    """Return the message of a revision that cannot be used."""
    with pytest.raises(GenerationError) as caught:
        act()
    return str(caught.value)


def test_an_opened_revision_equals_the_written_one(part: Path, generation: Generation) -> None:
    """Its number, its withdrawn items, and an index of all other items but the longest ones."""
    opened = open_revision(part, generation)

    rows = generation.rows_of(np.array([item_key("i3"), item_key("i7")], np.uint64))
    assert 1 == opened.number
    assert sorted(rows.tolist()) == opened.withdrawn_rows.tolist()
    assert opened.index is not None
    assert n_long_of(N_ITEMS) == opened.index.n_long
    expected = set(range(opened.index.n_long, N_ITEMS)) - set(rows.tolist())
    assert expected == set(opened.index.find(np.ones(8, np.float32), N_ITEMS).tolist())


def test_unknown_withdrawn_items_are_carried_on(tmp_path: Path, generation: Generation) -> None:
    """The next generation may know them; each id once, sorted, and each row once."""
    opened = open_revision(write(tmp_path, generation, withdrawn=["x", "i7", "a", "x", "i7"]), generation)

    assert ("a", "i7", "x") == opened.withdrawn
    assert 1 == len(opened.withdrawn_rows)


def test_a_small_catalog_has_no_index(tmp_path: Path) -> None:
    """Items are withdrawn from it all the same."""
    generation = make_generation(tmp_path, n_items=40)

    part = write(tmp_path, generation)

    assert {RECORD, "checksums.json", "checksums.sha256"} == set(contents(part))
    opened = open_revision(part, generation)
    assert opened.index is None
    assert 2 == len(opened.withdrawn_rows)


def test_a_generation_without_a_revision_has_nothing_withdrawn() -> None:
    """Number 0, and nothing to rank from."""
    none = Revision.none()

    assert 0 == none.number
    assert [] == none.withdrawn_rows.tolist()
    assert none.index is None
    assert () == none.withdrawn


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path, generation: Generation, part: Path) -> None:
    """In any folder, and with the withdrawn items in any order."""
    again = write_revision(
        generation, tmp_path / FIRST_ID, 1, [*reversed(WITHDRAWN), "i3"], TREES, into=tmp_path / "elsewhere"
    )

    assert tmp_path / "elsewhere" / "revision-1" == again
    assert {INDEX, RECORD, "checksums.json", "checksums.sha256"} == set(contents(part))
    assert contents(part) == contents(again)


def test_an_existing_revision_is_not_built_again(
    tmp_path: Path, generation: Generation, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A builder that was interrupted after writing it continues with it."""
    monkeypatch.setattr(module, "build_index", None)

    assert part == write(tmp_path, generation)


@pytest.mark.parametrize(("withdrawn", "trees"), [(["i7"], TREES), (WITHDRAWN, TREES + 1)])
def test_another_revision_of_the_same_number_is_refused(
    tmp_path: Path, generation: Generation, part: Path, withdrawn: list[str], trees: int
) -> None:
    """The existing one stays, because a worker may have it open."""
    before = contents(part)

    expected = (
        f"Revision 1 of generation {FIRST_ID} is there, and is another one; write this one under the next number."
    )
    assert expected == said(lambda: write(tmp_path, generation, withdrawn=withdrawn, trees=trees))
    assert before == contents(part)


@pytest.mark.parametrize("name", [INDEX, RECORD, "checksums.json", "checksums.sha256"])
@pytest.mark.parametrize("place", [0, -1])
def test_a_flipped_bit_is_found(tmp_path: Path, generation: Generation, part: Path, name: str, place: int) -> None:
    """In every file; it is neither opened nor taken for the one to be written."""
    content = bytearray((part / name).read_bytes())
    content[place] ^= 1
    (part / name).write_bytes(content)

    expected = f"Revision 1 of generation {FIRST_ID} is damaged: {name} does not match its checksum."
    assert expected == said(lambda: open_revision(part, generation))
    assert expected == said(lambda: write(tmp_path, generation))


@pytest.mark.parametrize("name", [INDEX, RECORD])
def test_a_missing_file_is_found(generation: Generation, part: Path, name: str) -> None:
    """A revision is not served without its index either."""
    (part / name).unlink()

    expected = f"Revision 1 of generation {FIRST_ID} is incomplete: {name} is missing."
    assert expected == said(lambda: open_revision(part, generation))


def test_a_revision_of_another_generation_is_refused(tmp_path: Path, part: Path) -> None:
    """Its rows are other items there."""
    other = make_generation(tmp_path, SECOND_ID, n_items=N_ITEMS, seed=1)
    moved = part.rename(tmp_path / SECOND_ID / "revision-1")

    expected = f"Revision 1 of generation {SECOND_ID} is damaged: it is revision 1 of generation {FIRST_ID}."
    assert expected == said(lambda: open_revision(moved, other))


def test_a_revision_under_another_number_is_refused(generation: Generation, part: Path) -> None:
    """Workers tell each other numbers."""
    moved = part.rename(part.with_name("revision-2"))

    expected = f"Revision 2 of generation {FIRST_ID} is damaged: it is revision 1 of generation {FIRST_ID}."
    assert expected == said(lambda: open_revision(moved, generation))


def seal_with(part: Path, content: bytes) -> None:
    """Put another record into a revision, with checksums that are right."""
    (part / RECORD).write_bytes(content)
    write_checksums(part, [INDEX, RECORD])


def test_an_index_that_is_not_the_records_is_refused(generation: Generation, part: Path) -> None:
    """Though no byte of it is damaged."""
    record = msgspec.json.decode((part / RECORD).read_bytes())
    seal_with(part, msgspec.json.encode(record | {"trees": TREES + 1}))

    expected = (
        f"Revision 1 of generation {FIRST_ID} is damaged: items.ann does not fit "
        f"(it has {N_ITEMS} items and {TREES} trees instead of {N_ITEMS} and {TREES + 1})."
    )
    assert expected == said(lambda: open_revision(part, generation))


def test_a_record_of_another_format_is_refused(generation: Generation, part: Path) -> None:
    """A later version wrote it."""
    record = msgspec.json.decode((part / RECORD).read_bytes())
    seal_with(part, msgspec.json.encode(record | {"format": 2}))

    expected = f"Revision 1 of generation {FIRST_ID} is of format 2; this version reads 1."
    assert expected == said(lambda: open_revision(part, generation))


@pytest.mark.parametrize("content", [b"{}", b"", b"\xff", b'"revision"'])
def test_a_record_that_does_not_decode_is_an_error(generation: Generation, part: Path, content: bytes) -> None:
    """Any bytes."""
    seal_with(part, content)

    assert said(lambda: open_revision(part, generation)).startswith(
        f"Revision 1 of generation {FIRST_ID} is damaged: revision.json cannot be read ("
    )


def test_a_revision_is_written_atomically(
    tmp_path: Path, generation: Generation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A builder that crashes before the rename leaves nothing under the number, and the next attempt succeeds."""

    def die(folder: Path, names: Sequence[str]) -> None:
        write_checksums(folder, names)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(module, "write_checksums", die)
        with pytest.raises(KeyboardInterrupt):
            write(tmp_path, generation)

    assert [] == list((tmp_path / FIRST_ID).glob("revision-*"))
    assert 1 == open_revision(write(tmp_path, generation), generation).number


def test_a_revision_that_does_not_verify_gets_no_number(
    tmp_path: Path, generation: Generation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is opened as a worker would open it before it is renamed."""

    def damage(folder: Path, names: Sequence[str]) -> None:
        write_checksums(folder, names)
        (folder / INDEX).write_bytes(b"else")
        fsync_folder(folder)

    monkeypatch.setattr(module, "write_checksums", damage)

    expected = f"Revision 1 of generation {FIRST_ID} is damaged: items.ann does not match its checksum."
    assert expected == said(lambda: write(tmp_path, generation))
    assert not (tmp_path / FIRST_ID / "revision-1").exists()


def test_an_index_that_cannot_be_built_leaves_no_revision(tmp_path: Path, generation: Generation) -> None:
    """The generation is served as before."""
    factors = tmp_path / FIRST_ID / "item_factors.npy"
    aside = factors.rename(tmp_path / "aside.npy")

    with pytest.raises(IndexBuildError, match=r"FileNotFoundError"):
        write(tmp_path, generation)

    aside.rename(factors)
    assert 0 == open_generation(tmp_path / FIRST_ID).revision.number
