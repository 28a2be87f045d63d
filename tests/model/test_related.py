"""The nearest items of each item."""

import numpy as np
import pytest

from model.related import related_items


def test_the_nearest_are_those_of_a_plain_cosine() -> None:
    """Whatever the lengths of the vectors; never the item itself, ties by row."""
    rng = np.random.default_rng(0)
    items = rng.integers(-2, 3, (300, 3)).astype(np.float32) * rng.choice([1, 2, 4], (300, 1)).astype(np.float32)
    unit = items / np.maximum(np.linalg.norm(items, axis=1, keepdims=True), 1e-9)
    cosines = unit @ unit.T
    np.fill_diagonal(cosines, -np.inf)
    cosines[:, ~items.any(axis=1)] = -np.inf

    rows, nearest = related_items(items, 10)

    lively = items.any(axis=1)
    np.testing.assert_allclose(-np.sort(-cosines)[lively, :10], nearest[lively], atol=1e-6)
    np.testing.assert_allclose(nearest[lively], np.take_along_axis(cosines, rows.astype(int), 1)[lively], atol=1e-6)
    assert not (rows == np.arange(300)[:, None]).any()


def test_an_item_without_a_vector_is_related_to_nothing() -> None:
    """Nor is anything related to it; what is missing is padded."""
    rows, cosines = related_items(np.array([[1, 0], [0, 0], [1, 1]], np.float32), 2)

    assert [[2, -1], [-1, -1], [0, -1]] == rows.tolist()
    assert cosines[0].tolist() == pytest.approx([0.5**0.5, -np.inf])
    assert [-np.inf, -np.inf] == cosines[1].tolist()


def test_some_items_and_several_threads_give_the_same() -> None:
    """A part of the items at a time, so that many of them fit."""
    items = np.random.default_rng(1).standard_normal((700, 4)).astype(np.float32)
    rows, cosines = related_items(items, 5)

    part = np.array([3, 1, 699], np.int32)
    np.testing.assert_array_equal(rows[part], related_items(items, 5, items=part)[0])
    for one, other in zip((rows, cosines), related_items(items, 5, threads=2), strict=True):
        np.testing.assert_array_equal(one, other)
