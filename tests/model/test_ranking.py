"""The exact best n, against a plain sort."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model import ranking
from model.arrays import Floats, Rows, Starts
from model.ranking import top_n, top_n_plain

NO_ROWS = np.zeros(0, np.int32)


def catalog(n_items: int, f: int, seed: int) -> tuple[Floats, Floats]:
    """Return items of small whole numbers, so that scores are exact and tie often, by descending norm."""
    rng = np.random.default_rng(seed)
    items = rng.integers(-3, 4, (n_items, f)).astype(np.float32)
    norms = np.linalg.norm(items, axis=1)
    order = np.argsort(-norms)
    return items[order], norms[order]


def known_of(n_users: int, n_items: int, n_known: int, seed: int) -> tuple[Starts, Rows]:
    """Return known rows in no order, unknown items (-1) among them."""
    rng = np.random.default_rng(seed)
    return np.arange(n_users + 1) * n_known, rng.integers(-1, n_items, n_users * n_known).astype(np.int32)


@given(
    n_users=st.integers(1, 5),
    n_items=st.integers(1, 200),
    n=st.integers(1, 60),
    n_known=st.integers(0, 30),
    seed=st.integers(0, 1000),
)
def test_top_n_equals_a_plain_sort(n_users: int, n_items: int, n: int, n_known: int, seed: int) -> None:
    """Rows and scores are those of sorting everything, ties by row, padding included."""
    items, norms = catalog(n_items, 4, seed)
    queries = np.random.default_rng(seed).integers(-3, 4, (n_users, 4)).astype(np.float32)
    known = known_of(n_users, n_items, n_known, seed)

    rows, scores = top_n(queries, items, norms, *known, n)

    expected_rows, expected_scores = top_n_plain(queries, items, *known, n)
    np.testing.assert_array_equal(expected_scores, scores)
    np.testing.assert_array_equal(expected_rows, rows)


@pytest.mark.parametrize("spread", [0.0, 2.0])
def test_many_users_and_several_blocks_equal_a_plain_sort(spread: float) -> None:
    """Beyond one batch and one block nothing is lost, where norms are alike and where they end the scan early."""
    rng = np.random.default_rng(0)
    items = np.rint(rng.integers(-9, 10, (10_000, 8)) * np.exp(spread * rng.standard_normal((10_000, 1))))
    norms = np.linalg.norm(items, axis=1).astype(np.float32)
    order = np.argsort(-norms)
    items, norms = items[order].astype(np.float32), norms[order]
    queries = rng.integers(-3, 4, (300, 8)).astype(np.float32)
    known = known_of(300, 10_000, 40, seed=1)

    rows, scores = top_n(queries, items, norms, *known, 30)

    expected_rows, expected_scores = top_n_plain(queries, items, *known, 30)
    np.testing.assert_array_equal(expected_scores, scores)
    np.testing.assert_array_equal(expected_rows, rows)


def test_a_list_longer_than_the_rest_of_the_catalog_is_padded() -> None:
    """Where fewer than n items remain, row -1 and score -inf fill the list."""
    items = np.array([[3], [2], [1]], np.float32)

    rows, scores = top_n(items[:1], items, items[:, 0], np.array([0, 1]), np.array([0], np.int32), 4)

    assert [[1, 2, -1, -1]] == rows.tolist()
    assert [[6, 3, -np.inf, -np.inf]] == scores.tolist()


def test_a_user_without_a_vector_gets_the_first_rows() -> None:
    """All scores of a zero vector tie at zero, and ties go by row."""
    items = np.array([[-2], [2], [1]], np.float32)

    rows, scores = top_n(np.zeros((1, 1), np.float32), items, np.abs(items[:, 0]), np.zeros(2, np.int64), NO_ROWS, 2)

    assert [[0, 1]] == rows.tolist()
    assert [[0, 0]] == scores.tolist()


def test_minus_zero_ties_with_zero() -> None:
    """A product may come out as minus zero on some machines; it ranks by row like any other zero."""
    zero, minus_zero = np.array([0.0, -0.0], np.float32).view(np.uint32)

    assert ranking._candidate(zero, 3) == ranking._candidate(minus_zero, 3)  # noqa: SLF001


def test_an_empty_batch_is_an_empty_answer() -> None:
    """No users, no lists; and a catalog without items leaves padding alone."""
    items, norms = catalog(5, 2, seed=0)

    assert (0, 3) == top_n(items[:0], items, norms, np.zeros(1, np.int64), NO_ROWS, 3)[0].shape
    assert [[-1, -1]] == top_n(items[:1], items[:0], norms[:0], np.zeros(2, np.int64), NO_ROWS, 2)[0].tolist()
