"""Rows that nobody gets, and the popular list without them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from state.catalog.unlisted import Unlisted
from state.generations.generation import Generation
from tests.support.generations import make_generation


@pytest.fixture
def generation(tmp_path: Path) -> Generation:
    """Give a generation whose most popular items are i0, i1, ..., and in which i2 is withdrawn."""
    made = make_generation(tmp_path, n_items=40, popularity={f"i{number}": 100.0 - number for number in range(40)})
    return made.with_revision(replace(made.revision, withdrawn_rows=rows_of(made, "i2")))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Generation:
    """Give a generation to all examples."""
    return make_generation(tmp_path_factory.mktemp("drawn"), n_items=40)


def rows_of(generation: Generation, *items: str) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    """Return the rows of items, ascending."""
    return np.flatnonzero(np.isin(generation.item_ids.astype(str), items)).astype(np.int32)


def popular(generation: Generation, unlisted: Unlisted, n: int) -> list[str]:
    """Return the ids of the popular list."""
    return [str(item) for item in generation.item_ids[unlisted.popular_rows(generation, n)]]


def test_without_a_catalog_nobody_gets_what_is_withdrawn(generation: Generation) -> None:
    """And everybody everything else."""
    unlisted = Unlisted.of(generation)

    assert rows_of(generation, "i2").tolist() == unlisted.rows.tolist()
    assert ["i0", "i1", "i3"] == popular(generation, unlisted, 3)


@given(st.lists(st.integers(0, 39), max_size=8), st.lists(st.integers(0, 39) | st.just(99), max_size=30))
def test_marks_of_unlisted_items_are_told_apart(drawn: Generation, gone: list[int], rows: list[int]) -> None:
    """From those of all others, such as share their first bits, too."""
    unlisted = Unlisted.of(drawn, np.unique(np.array(gone, np.int32)))
    marks = np.array([drawn.marks[row] if row < 40 else drawn.marks[0] ^ 1 for row in rows], np.uint32)

    for _ in range(2):
        assert [row in gone for row in rows] == unlisted.among(marks, drawn).tolist()


def test_the_popular_list_goes_on_behind_what_is_unlisted(generation: Generation) -> None:
    """However many of the most popular items are; it is shorter only where nothing is left."""
    gone = rows_of(generation, *(f"i{number}" for number in range(30)))
    unlisted = Unlisted.of(generation, gone)

    assert ["i30", "i31", "i32"] == popular(generation, unlisted, 3)
    assert [f"i{number}" for number in range(30, 40)] == popular(generation, unlisted, 20)
