"""The best n of some items, against a plain sort."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from model.best_of import NOTHING, Addition, best_of, best_of_plain
from model.fixed_items import FixedItems
from model.ragged import RaggedRows
from model.ranking import top_n
from tests.model.test_ranking import catalog, known_of
from tests.support.hostile import hostile_vectors


@given(
    n_users=st.integers(1, 4),
    n_items=st.integers(1, 50),
    n=st.integers(1, 30),
    n_candidates=st.integers(0, 80),
    added=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_the_best_of_some_equals_a_plain_sort(
    n_users: int, n_items: int, n: int, n_candidates: int, *, added: bool, seed: int
) -> None:
    """Candidates that stand twice count once, -1 is none; a part of the score may be added."""
    items, rng = catalog(n_items, 4, seed), np.random.default_rng(seed)
    queries = rng.integers(-3, 4, (n_users, 4)).astype(np.float32)
    candidates = known_of(n_users, n_items, n_candidates, seed)
    addition = Addition(*(rng.integers(0, 4, n).astype(np.float32) for n in (n_users, n_items))) if added else NOTHING

    rows, scores = best_of(queries, items.factors, candidates, n, addition)

    expected_rows, expected_scores = best_of_plain(queries, items.factors, candidates, n, addition)
    np.testing.assert_array_equal(expected_scores, scores)
    np.testing.assert_array_equal(expected_rows, rows)


def test_a_score_is_that_of_a_whole_ranking() -> None:
    """One definition of a score: chosen among all items or among some, it has the same bits."""
    rng = np.random.default_rng(0)
    factors, queries = hostile_vectors("alike", 900, 50, rng), hostile_vectors("alike", 6, 50, rng)
    items, nothing = FixedItems(factors, factors[0]), RaggedRows(np.zeros(7, np.int64), np.zeros(0, np.int32))
    vars(items)["norms"] = np.full(900, np.inf, np.float32)
    whole = top_n(queries, items, nothing, 30)

    chosen = best_of(queries, factors, RaggedRows(np.arange(7) * 30, whole[0].ravel()), 30)

    np.testing.assert_array_equal(whole[0], chosen[0])
    np.testing.assert_array_equal(whole[1], chosen[1])
