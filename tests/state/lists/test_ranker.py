"""Lists ranked exactly or from a real index, and the end of an index that finds too little."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.ragged import RaggedRows
from state.generations.generation import Generation
from state.generations.item_index import n_long_of
from state.lists.index_recall import recall_of
from state.lists.ranker import AUTO_ITEMS_MIN, AUTO_ITEMS_PER_USER, Ranker, Ranking, from_index, probed, ranking_for
from tests.state.lists.ranked_batches import (
    N_ITEMS,
    Batch,
    N,
    exact_lists,
    exact_scores,
    fans,
    index_of,
    listeners,
    settings_of,
)
from tests.support.ranks import assert_same_lists, assert_same_scores, scores_of_vectors

pytestmark = pytest.mark.processes


@pytest.mark.parametrize(
    ("expected", "n_items", "n_users"),
    [
        ("annoy", AUTO_ITEMS_MIN, 1),
        ("exact", AUTO_ITEMS_MIN - 1, 1),
        ("annoy", 10 * AUTO_ITEMS_PER_USER, 10),
        ("exact", 10 * AUTO_ITEMS_PER_USER - 1, 10),
    ],
)
def test_auto_takes_the_index_where_it_is_faster(expected: Ranking, n_items: int, n_users: int) -> None:
    """In a large catalog, and the larger the batch, the larger the catalog has to be; a fixed mode is followed."""
    assert expected == ranking_for("auto", n_items, n_users)
    assert "exact" == ranking_for("exact", n_items, n_users)
    assert "annoy" == ranking_for("annoy", n_items, n_users)


@given(sizes=st.lists(st.integers(1, 300), min_size=1, max_size=30), share=st.floats(0, 1))
def test_the_share_is_looked_at_however_batches_are_cut(sizes: list[int], share: float) -> None:
    """The same lists, too, as in one large batch; so no batch size is looked at less than another."""
    offsets = np.cumsum([0, *sizes])

    looked_at = [probed(int(before), n, share) for before, n in zip(offsets, sizes, strict=False)]

    assert sizes == [len(part) for part in looked_at]
    assert probed(0, sum(sizes), share).tolist() == np.concatenate(looked_at).tolist()
    assert int(sum(sizes) * share) == int(sum(part.sum() for part in looked_at))


@pytest.mark.parametrize(("expected", "share"), [(0, 0.0), (1, 0.01), (100, 1.0)])
def test_single_lists_are_looked_at_in_their_turn(expected: int, share: float) -> None:
    """A hundred batches of one listener each are a hundred lists."""
    assert expected == sum(int(probed(n_before, 1, share).sum()) for n_before in range(100))


@pytest.mark.parametrize("n_known", [0, 30, 300])
def test_lists_from_the_index_are_about_the_exact_ones(generation: Generation, n_known: int) -> None:
    """Also for users with their best items known: the index is asked for as many more."""
    batch = fans(generation, 40, n_known)

    rows, _ = from_index(generation, index_of(generation), *batch, N)

    assert (rows >= 0).all()
    assert recall_of(rows, exact_lists(generation, batch)).mean() >= 0.95


def test_lists_from_the_index_have_exact_scores(generation: Generation) -> None:
    """In their order, ties by row, and without an item that is known or withdrawn."""
    batch = listeners(40, 100)

    rows, scores = from_index(generation, index_of(generation), *batch, N)

    scored = scores_of_vectors(batch.queries, generation.item_factors, batch.known, relative_error=0)
    assert_same_scores(scored, rows, scores)
    for u in range(len(batch.queries)):
        assert N == len(set(rows[u].tolist()))
        assert not np.isin(rows[u], batch.known.rows[batch.known.starts[u] : batch.known.starts[u + 1]]).any()
    assert not np.isin(rows, generation.revision.withdrawn_rows).any()
    assert (np.diff(scores, axis=1) <= 0).all()


def test_the_longest_items_are_not_missed(generation: Generation) -> None:
    """Though no index contains them: a listener with such a vector gets it first."""
    row = next(row for row in range(n_long_of(N_ITEMS)) if row not in generation.revision.withdrawn_rows)
    batch = Batch(generation.item_factors[row : row + 1], RaggedRows(np.array([0, 0]), np.zeros(0, np.int32)))

    assert row == from_index(generation, index_of(generation), *batch, N)[0][0, 0]


def test_a_listener_without_a_vector_gets_what_exact_ranking_gives(generation: Generation) -> None:
    """All scores tie at zero, and ties go by row; others in the batch do not change it."""
    batch = listeners(3)
    batch.queries[1] = 0

    rows, scores = from_index(generation, index_of(generation), *batch, N)

    assert_same_lists(exact_scores(generation, batch).part(np.array([1])), rows[1:2])
    assert [0.0] * N == scores[1].tolist()


@pytest.mark.parametrize(("expected", "mode"), [("exact", "exact"), ("exact", "auto"), ("annoy", "annoy")])
def test_lists_are_counted_by_how_they_were_ranked(generation: Generation, expected: Ranking, mode: str) -> None:
    """A small catalog is ranked exactly unless the settings want the index."""
    ranker, batch = Ranker(settings_of(mode).ranking), listeners(7)

    for _ in range(2):
        rows, _ = ranker.top_n(generation, *batch, N)

    assert {"exact": 0, "annoy": 0} | {expected: 14} == ranker.n_lists
    if expected == "exact":
        assert_same_lists(exact_scores(generation, batch), rows)


def test_without_an_index_lists_are_ranked_exactly(generation: Generation) -> None:
    """Under any setting; withdrawn items stay out of them."""
    ranker, batch = Ranker(settings_of("annoy", 1.0).ranking), listeners(7)
    bare = generation.with_revision(replace(generation.revision, index=None))

    rows, _ = ranker.top_n(bare, *batch, N)

    assert_same_lists(exact_scores(generation, batch), rows)
    assert {"exact": 7, "annoy": 0} == ranker.n_lists
    assert 0 == ranker.n_probes
