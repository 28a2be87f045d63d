"""The exact best n, against a plain sort."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.arrays import Floats
from model.fixed_items import FixedItems
from model.item_codes import CHUNK
from model.ragged import RaggedRows
from model.ranking import BoundedItems, top_n, top_n_plain
from tests.support.hostile import KINDS, hostile_vectors


def nothing(n_users: int) -> RaggedRows:
    """Return no known rows."""
    return RaggedRows(np.zeros(n_users + 1, np.int64), np.zeros(0, np.int32))


def catalog(n_items: int, f: int, seed: int) -> BoundedItems:
    """Return items of small whole numbers, so that scores are exact and tie often, by descending norm."""
    rng = np.random.default_rng(seed)
    items = rng.integers(-3, 4, (n_items, f)).astype(np.float32)
    norms = np.linalg.norm(items, axis=1)
    order = np.argsort(-norms)
    return BoundedItems(items[order], norms[order])


def known_of(n_users: int, n_items: int, n_known: int, seed: int) -> RaggedRows:
    """Return known rows in no order, unknown items (-1) among them."""
    rng = np.random.default_rng(seed)
    return RaggedRows(np.arange(n_users + 1) * n_known, rng.integers(-1, n_items, n_users * n_known).astype(np.int32))


@given(
    n_users=st.integers(1, 5),
    n_items=st.integers(1, 200),
    n=st.integers(1, 60),
    n_known=st.integers(0, 30),
    seed=st.integers(0, 1000),
)
def test_top_n_equals_a_plain_sort(n_users: int, n_items: int, n: int, n_known: int, seed: int) -> None:
    """Rows and scores are those of sorting everything, ties by row, padding included."""
    items = catalog(n_items, 4, seed)
    queries = np.random.default_rng(seed).integers(-3, 4, (n_users, 4)).astype(np.float32)
    known = known_of(n_users, n_items, n_known, seed)

    rows, scores = top_n(queries, items, known, n)

    expected_rows, expected_scores = top_n_plain(queries, items.factors, known, n)
    np.testing.assert_array_equal(expected_scores, scores)
    np.testing.assert_array_equal(expected_rows, rows)


@pytest.mark.parametrize("spread", [0.0, 2.0])
def test_many_users_and_several_blocks_equal_a_plain_sort(spread: float) -> None:
    """Beyond one batch and one block nothing is lost, where norms are alike and where they end the scan early."""
    rng = np.random.default_rng(0)
    items = np.rint(rng.integers(-9, 10, (10_000, 8)) * np.exp(spread * rng.standard_normal((10_000, 1))))
    norms = np.linalg.norm(items, axis=1).astype(np.float32)
    order = np.argsort(-norms)
    bounded = BoundedItems(items[order].astype(np.float32), norms[order])
    queries = rng.integers(-3, 4, (300, 8)).astype(np.float32)
    known = known_of(300, 10_000, 40, seed=1)

    rows, scores = top_n(queries, bounded, known, 30)

    expected_rows, expected_scores = top_n_plain(queries, bounded.factors, known, 30)
    np.testing.assert_array_equal(expected_scores, scores)
    np.testing.assert_array_equal(expected_rows, rows)


def test_a_list_longer_than_the_rest_of_the_catalog_is_padded() -> None:
    """Where fewer than n items remain, row -1 and score -inf fill the list."""
    items = np.array([[3], [2], [1]], np.float32)
    known = RaggedRows(np.array([0, 1]), np.array([0], np.int32))

    rows, scores = top_n(items[:1], BoundedItems(items, items[:, 0]), known, 4)

    assert [[1, 2, -1, -1]] == rows.tolist()
    assert [[6, 3, -np.inf, -np.inf]] == scores.tolist()


def test_a_user_without_a_vector_gets_the_first_rows() -> None:
    """All scores of a zero vector tie at zero, and ties go by row."""
    items = np.array([[-2], [2], [1]], np.float32)

    bounded = BoundedItems(items, np.abs(items[:, 0]))
    rows, scores = top_n(np.zeros((1, 1), np.float32), bounded, nothing(1), 2)

    assert [[0, 1]] == rows.tolist()
    assert [[0, 0]] == scores.tolist()


def test_an_empty_batch_is_an_empty_answer() -> None:
    """No users, no lists; and a catalog without items leaves padding alone."""
    items = catalog(5, 2, seed=0)
    empty = BoundedItems(items.factors[:0], items.norms[:0])

    assert (0, 3) == top_n(items.factors[:0], items, nothing(0), 3)[0].shape
    assert (1, 0) == top_n(items.factors[:1], items, nothing(1), 0)[0].shape
    assert [[-1, -1]] == top_n(items.factors[:1], empty, nothing(1), 2)[0].tolist()


@given(
    n_items=st.integers(1, 200),
    n=st.integers(1, 30),
    n_known=st.integers(0, 10),
    n_withdrawn=st.integers(0, 60),
    seed=st.integers(0, 1000),
)
def test_withdrawn_items_are_in_no_list(n_items: int, n: int, n_known: int, n_withdrawn: int, seed: int) -> None:
    """For nobody, and nothing else changes."""
    items = catalog(n_items, 4, seed)
    rng = np.random.default_rng(seed)
    queries = rng.integers(-3, 4, (3, 4)).astype(np.float32)
    known = known_of(3, n_items, n_known, seed)
    withdrawn = np.unique(rng.integers(0, n_items, n_withdrawn)).astype(np.int32)

    rows, scores = top_n(queries, items, known, n, withdrawn_rows=withdrawn)

    expected_rows, expected_scores = top_n_plain(queries, items.factors, known, n, withdrawn)
    assert not np.isin(rows, withdrawn).any()
    np.testing.assert_array_equal(expected_scores, scores)
    np.testing.assert_array_equal(expected_rows, rows)


def test_withdrawn_items_beyond_the_first_block_are_found() -> None:
    """Each block looks for its own."""
    items = np.ones((10_000, 2), np.float32)
    bounded, withdrawn = BoundedItems(items, np.linalg.norm(items, axis=1)), np.arange(9_990, dtype=np.int32)

    rows, _ = top_n(np.ones((1, 2), np.float32), bounded, nothing(1), 20, withdrawn_rows=withdrawn)

    assert [*range(9_990, 10_000), *[-1] * 10] == rows[0].tolist()


def test_threads_share_the_users() -> None:
    """The lists are those of one thread, user by user."""
    items = catalog(500, 4, seed=2)
    queries = np.random.default_rng(0).integers(-3, 4, (1000, 4)).astype(np.float32)
    known = known_of(1000, 500, 20, seed=1)

    expected = top_n(queries, items, known, 10)

    for one, other in zip(expected, top_n(queries, items, known, 10, threads=3), strict=True):
        np.testing.assert_array_equal(one, other)


def by_norm(factors: Floats) -> FixedItems:
    """Return items sorted as a generation sorts them."""
    order = np.argsort(-np.linalg.norm(factors.astype(np.float64), axis=1), kind="stable")
    return FixedItems(factors[order], np.ones(factors.shape[1], np.float32))


def assert_equal_to_plain(queries: Floats, items: FixedItems, known: RaggedRows, n: int) -> None:
    """Assert that rows and scores are those of sorting everything, bit for bit."""
    rows, scores = top_n(queries, items, known, n)
    expected_rows, expected_scores = top_n_plain(queries, items.factors, known, n)
    np.testing.assert_array_equal(expected_scores, scores)
    np.testing.assert_array_equal(expected_rows, rows)


@given(
    n_items=st.integers(1, 2000),
    f=st.sampled_from([1, 2, 3, 4, 7, 16, 17, 64, 100]),
    n=st.integers(1, 60),
    kind=st.sampled_from([*KINDS]),
    seed=st.integers(0, 10_000),
)
@settings(max_examples=300)
def test_hostile_vectors_are_ranked_like_any_others(n_items: int, f: int, n: int, kind: str, seed: int) -> None:
    """Scores a few units in the last place apart, very unequal scales, zeros: the list is that of a plain sort."""
    rng = np.random.default_rng(seed)
    items, queries = by_norm(hostile_vectors(kind, n_items, f, rng)), hostile_vectors(kind, 5, f, rng)
    queries[0] = items.factors[rng.integers(n_items)]

    assert_equal_to_plain(queries, items, known_of(5, n_items, 20, seed), n)


@pytest.mark.parametrize("kind", [*KINDS])
@pytest.mark.parametrize("n_users", [1, 20])
def test_hostile_vectors_in_several_blocks(kind: str, n_users: int) -> None:
    """The bar of a block before holds in the next one, at any scales, for one query and for four at a time."""
    rng = np.random.default_rng(0)
    items, queries = by_norm(hostile_vectors(kind, 25_000, 20, rng)), hostile_vectors(kind, n_users, 20, rng)

    assert_equal_to_plain(queries, items, known_of(n_users, 25_000, 50, seed=1), 40)


@pytest.mark.parametrize("n_items", [700, 25_000])
def test_each_user_has_a_list_of_their_own_length(n_items: int) -> None:
    """It is the beginning of a longer one, in one block and in several; the rest of its row is padding."""
    rng, lengths = np.random.default_rng(0), np.array([1, 40, 7, 100, 40, 2, 99])
    items, queries = by_norm(hostile_vectors("alike", n_items, 20, rng)), hostile_vectors("alike", 7, 20, rng)
    queries[2], known = 0, known_of(7, n_items, 50, seed=1)
    expected_rows, expected_scores = top_n_plain(queries, items.factors, known, 100)

    rows, scores = top_n(queries, items, known, 100, lengths=lengths)

    is_listed = np.arange(100) < lengths[:, None]
    np.testing.assert_array_equal(np.where(is_listed, expected_rows, -1), rows)
    np.testing.assert_array_equal(np.where(is_listed, expected_scores, -np.inf), scores)


def test_known_and_withdrawn_items_of_later_blocks_are_in_no_list() -> None:
    """The longest items point away from the user, so that the best ones are in later blocks; some are left out."""
    rng, n_items = np.random.default_rng(0), 25_000
    factors = hostile_vectors("alike", n_items, 20, rng)
    factors[:, 0] = np.where(np.linalg.norm(factors, axis=1) > 1, -50, 50)
    items = by_norm(factors)
    best, _ = top_n_plain(np.eye(1, 20, dtype=np.float32), items.factors, nothing(1), 200)
    known, withdrawn = RaggedRows(np.array([0, 60]), best[0, :120:2]), np.sort(best[0, 1:121:2])
    assert best.min() >= 40 * CHUNK

    rows, scores = top_n(np.eye(1, 20, dtype=np.float32), items, known, 50, withdrawn_rows=withdrawn)

    expected = top_n_plain(np.eye(1, 20, dtype=np.float32), items.factors, known, 50, withdrawn)
    np.testing.assert_array_equal(expected[0], rows)
    np.testing.assert_array_equal(expected[1], scores)


@pytest.mark.parametrize("n_users", [1, 2, 3, 4, 5, 6, 7, 130])
def test_a_list_is_the_same_in_any_batch(n_users: int) -> None:
    """Rows and scores of one user are those of the same user among others, bit for bit."""
    rng = np.random.default_rng(0)
    items, queries = by_norm(hostile_vectors("alike", 3000, 64, rng)), hostile_vectors("alike", n_users, 64, rng)
    known = known_of(n_users, 3000, 30, seed=2)

    together = top_n(queries, items, known, 50)

    for u in range(n_users):
        alone = top_n(queries[u : u + 1], items, known.part(np.array([u])), 50)
        np.testing.assert_array_equal(alone[0][0], together[0][u])
        np.testing.assert_array_equal(alone[1][0], together[1][u])


@given(seed=st.integers(0, 10_000), n_first=st.integers(1, 700))
def test_the_first_items_are_ranked_by_themselves(seed: int, n_first: int) -> None:
    """The others are in no list; the codes of the whole catalog serve for a part of it."""
    rng = np.random.default_rng(seed)
    items, queries = by_norm(hostile_vectors("alike", 700, 8, rng)), hostile_vectors("alike", 3, 8, rng)

    rows, scores = top_n(queries, items.first(n_first), nothing(3), 20)

    expected_rows, expected_scores = top_n_plain(queries, items.factors[:n_first], nothing(3), 20)
    np.testing.assert_array_equal(expected_scores, scores)
    np.testing.assert_array_equal(expected_rows, rows)


def test_a_zero_vector_gets_the_first_rows_it_may_have() -> None:
    """Known and withdrawn rows are left out of them."""
    items = by_norm(hostile_vectors("alike", 40, 4, np.random.default_rng(0)))
    known, withdrawn = RaggedRows(np.array([0, 3]), np.array([-1, 4, 0], np.int32)), np.array([2, 5], np.int32)

    rows, scores = top_n(np.zeros((1, 4), np.float32), items, known, 4, withdrawn_rows=withdrawn)

    assert [[1, 3, 6, 7]] == rows.tolist()
    assert [[0, 0, 0, 0]] == scores.tolist()
