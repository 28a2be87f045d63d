"""Damage in a store of generations: it is named, and never served."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.contract.stored_generations import BASE, PART, damage, listed, prepared, said
from tests.support.generations import FIRST_ID, SECOND_ID
from tests.support.stores import StoreCase, write_night


@pytest.fixture(scope="module", params=["folder", "bucket"])
def damaged(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreCase]:
    """Give both with two generations in them, which a test damages and leaves whole."""
    folder = tmp_path_factory.mktemp("damaged")
    with prepared(request, folder) as case:
        for generation_id in (FIRST_ID, SECOND_ID):
            case.store.publish(write_night(folder, generation_id))
        yield case
        assert [FIRST_ID, SECOND_ID] == [case.store.verify(name).generation_id for name in (FIRST_ID, SECOND_ID)]


def test_a_damaged_generation_is_not_published(case: StoreCase, tmp_path: Path) -> None:
    """None of its files gets into the store."""
    folder = write_night(tmp_path, FIRST_ID)
    (folder / "related" / "rows.npy").write_bytes(b"else")

    expected = f"Part related of generation {FIRST_ID} is damaged: rows.npy does not match its checksum."
    assert expected == said(lambda: case.store.publish(folder))
    assert set() == case.names()


@pytest.mark.parametrize("name", BASE + PART)
def test_one_flipped_bit_in_any_file_is_found_and_named(damaged: StoreCase, name: str) -> None:
    """Of the base and of every part; the others of the store are none the worse."""
    part, _, file = name.rpartition("/")
    what = f"Part {part} of generation {FIRST_ID}" if part else f"Generation {FIRST_ID}"

    with mended(damaged, f"{FIRST_ID}/{name}"):
        damage(damaged, f"{FIRST_ID}/{name}")
        sentence = said(lambda: damaged.store.verify(FIRST_ID))

    assert f"{what} is damaged: {file} does not match its checksum." == sentence


@pytest.mark.parametrize("name", BASE)
def test_a_truncated_file_is_never_served(damaged: StoreCase, name: str) -> None:
    """As a full disk leaves it: verified or opened, the sentence names it."""
    with mended(damaged, f"{FIRST_ID}/{name}") as content:
        damaged.write(f"{FIRST_ID}/{name}", content[:-1])
        sentences = {said(lambda: damaged.store.open(FIRST_ID)), said(lambda: damaged.store.verify(FIRST_ID))}

    assert {f"Generation {FIRST_ID} is damaged: {name} does not match its checksum."} == sentences


@pytest.mark.parametrize("name", [name for name in BASE if name != "manifest.json"])
def test_a_missing_file_is_a_problem(damaged: StoreCase, name: str) -> None:
    """It is not listed with the others, and the sentence names the file."""
    with mended(damaged, f"{FIRST_ID}/{name}"):
        damaged.remove(f"{FIRST_ID}/{name}")
        store = damaged.store
        assert [SECOND_ID] == listed(damaged)
        sentences = {
            *store.problems().values(),
            said(lambda: store.open(FIRST_ID)),
            said(lambda: store.verify(FIRST_ID)),
        }

    assert {f"Generation {FIRST_ID} is incomplete: {name} is missing."} == sentences


@contextmanager
def mended(case: StoreCase, name: str) -> Iterator[bytes]:
    """Give the content of a file, and write it again afterwards."""
    content = case.read(name)
    yield content
    case.write(name, content)


def test_a_generation_under_another_name_is_damaged(case: StoreCase, tmp_path: Path) -> None:
    """A copy by hand under another name is not served."""
    case.store.publish(write_night(tmp_path, FIRST_ID))
    case.store.publish(write_night(tmp_path, SECOND_ID))
    for name in BASE:
        case.write(f"{FIRST_ID}/{name}", case.read(f"{SECOND_ID}/{name}"))

    expected = f"Generation {FIRST_ID} is damaged: its manifest is that of generation {SECOND_ID}."
    assert {FIRST_ID: expected} == case.store.problems()
    assert expected == said(lambda: case.store.open(FIRST_ID))
    assert expected == said(lambda: case.store.open(FIRST_ID, 0))
    assert expected == said(lambda: case.store.verify(FIRST_ID))
