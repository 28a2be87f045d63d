"""The best items by scores with an addition, against a plain sort."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.above_bar import top_n_above
from model.arrays import Floats, Rows
from model.best_of import Addition, best_of_plain
from model.fixed_items import FixedItems
from model.ragged import RaggedRows, ragged_rows
from tests.model.test_ranking import by_norm, known_of
from tests.support.hostile import KINDS, hostile_vectors


def best_of_all(
    queries: Floats, items: FixedItems, addition: Addition, known: RaggedRows, n: int, withdrawn: Rows
) -> tuple[Rows, Floats]:
    """Return the best of all items that may be listed, by sorting."""
    every = np.arange(len(items.factors), dtype=np.int32)
    listable = [
        np.setdiff1d(every, np.concatenate((known.rows[known.starts[u] : known.starts[u + 1]], withdrawn)))
        for u in range(len(queries))
    ]
    return best_of_plain(queries, items.factors, ragged_rows(listable), n, addition)


def assert_equal_to_plain(kind: str, n_users: int, n_items: int, f: int, n: int, strength: float, seed: int) -> None:
    """Assert that rows and scores are those of sorting everything, bit for bit, by a tight bar and by none."""
    rng = np.random.default_rng(seed)
    items, queries = by_norm(hostile_vectors(kind, n_items, f, rng)), hostile_vectors(kind, n_users, f, rng)
    scores_max = np.linalg.norm(queries.astype(np.float64), axis=1) * float(items.norms[0])
    strengths = (strength * rng.random(n_users) * scores_max).astype(np.float32)
    addition = Addition(strengths, np.minimum(rng.pareto(1.0, n_items) / 50, 1).astype(np.float32))
    known = known_of(n_users, n_items, 20, seed)
    withdrawn = np.unique(rng.integers(0, n_items, 5)).astype(np.int32)
    expected_rows, expected_scores = best_of_all(queries, items, addition, known, n, withdrawn)

    for bars in (expected_scores[:, -1], np.full(n_users, -np.inf, np.float32)):
        rows, scores = top_n_above(queries, items, addition, bars, known, n, withdrawn)

        np.testing.assert_array_equal(expected_scores, scores)
        np.testing.assert_array_equal(expected_rows, rows)


@given(
    n_users=st.integers(1, 6),
    n_items=st.integers(1, 1500),
    f=st.sampled_from([1, 3, 16, 17, 64]),
    n=st.integers(1, 40),
    kind=st.sampled_from([*KINDS]),
    strength=st.sampled_from([0.0, 0.01, 1.0, 1000.0]),
    seed=st.integers(0, 10_000),
)
@settings(max_examples=200)
def test_hostile_vectors_are_ranked_like_any_others(
    n_users: int, n_items: int, f: int, n: int, kind: str, strength: float, seed: int
) -> None:
    """At any scales, and however strong the addition is; a bar that few items reach excludes none of them."""
    assert_equal_to_plain(kind, n_users, n_items, f, n, strength, seed)


@pytest.mark.parametrize("kind", ["alike", "near", "whole"])
@pytest.mark.parametrize("n_users", [1, 5, 131])
def test_several_blocks_and_more_users_than_a_batch(kind: str, n_users: int) -> None:
    """Each block adds the preferences of its own items; the last one has fewer items than places."""
    assert_equal_to_plain(kind, n_users, 22_001 if n_users < 100 else 3000, 12, 30, 0.5, seed=1)
