"""The nearest items of each item."""

import numpy as np
import pytest

from model.arrays import Floats
from model.ragged import RaggedRows
from model.related import related_items
from tests.support.ranks import ROUNDOFF, ItemScores, assert_same_lists, assert_same_scores, scores_of_vectors


def cosines_of(items: Floats) -> ItemScores:
    """Return the cosines of all items with all others, from directions in double precision.

    Three numbers, or four, make a direction: a length that is rounded as often, a division and a product.
    """
    norms = np.linalg.norm(items.astype(np.float64), axis=1)
    directions = items / np.where(norms > 0, norms, 1)[:, None]
    itself = RaggedRows(np.arange(len(items) + 1), np.arange(len(items), dtype=np.int32))
    rounded = 2 * (items.shape[1] + 3) * ROUNDOFF
    cosines = scores_of_vectors(directions, directions, itself, relative_error=rounded)
    return cosines.without_items(np.flatnonzero(norms == 0))


def test_the_nearest_are_those_of_a_plain_cosine() -> None:
    """Lengths of vectors do not matter; the item itself and items without a vector are not listed."""
    rng = np.random.default_rng(0)
    items = rng.integers(-2, 3, (300, 3)).astype(np.float32) * rng.choice([1, 2, 4], (300, 1)).astype(np.float32)
    has_vector = np.asarray(items.any(axis=1))

    rows, cosines = related_items(items, 10)

    expected = cosines_of(items).part(has_vector)
    assert_same_lists(expected, rows[has_vector])
    assert_same_scores(expected, rows[has_vector], cosines[has_vector])
    assert 0 < has_vector.sum() < 300


def test_an_item_without_a_vector_is_related_to_nothing() -> None:
    """No item is related to it either, and missing places are padded."""
    rows, cosines = related_items(np.array([[1, 0], [0, 0], [1, 1]], np.float32), 2)

    assert [[2, -1], [-1, -1], [0, -1]] == rows.tolist()
    assert cosines[0].tolist() == pytest.approx([0.5**0.5, -np.inf])
    assert [-np.inf, -np.inf] == cosines[1].tolist()


def test_some_items_and_several_threads_give_the_same() -> None:
    """A part of the items at a time, so that many of them fit."""
    items, part = np.random.default_rng(1).standard_normal((700, 4)).astype(np.float32), np.array([3, 1, 699], np.int32)

    expected = cosines_of(items)
    assert_same_lists(expected, related_items(items, 5, threads=2)[0])
    assert_same_lists(expected.part(part), related_items(items, 5, items=part)[0])
