"""Ranking while items are unavailable."""

from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from model.arrays import Floats, Rows
from state.catalog.item_catalog import ItemCatalog
from state.catalog.unlisted import Unlisted
from state.generations.generation import Generation
from state.generations.item_index import ItemIndex
from state.lists.index_recall import recall_of
from state.lists.ranker import Ranker, from_index
from tests.state.lists.ranked_batches import (
    N_ITEMS,
    N,
    exact_lists,
    exact_scores,
    fans,
    index_of,
    listeners,
    settings_of,
)
from tests.support.ranks import assert_same_lists

pytestmark = pytest.mark.processes


def unavailable_of(generation: Generation, rows: NDArray[Any]) -> Unlisted:
    """Return the items of no list if these rows are unavailable."""
    return Unlisted.of(generation, np.unique(rows).astype(np.int32))


@pytest.mark.parametrize("mode", ["exact", "annoy"])
def test_what_is_unavailable_is_in_no_list(generation: Generation, mode: str) -> None:
    """Nor are withdrawn items; exactly, and from the index, which does not know of it."""
    ranker, batch = Ranker(settings_of(mode, 1.0).ranking), listeners(40)
    best = np.concatenate([exact_lists(generation, batch)[:, ::2].ravel(), np.arange(0, N_ITEMS, 7)])
    unlisted = unavailable_of(generation, best)

    rows, scores = ranker.top_n(generation, *batch, N, unlisted)

    assert (rows >= 0).all()
    assert not np.isin(rows, unlisted.unavailable_rows).any()
    assert not np.isin(rows, generation.revision.withdrawn_rows).any()
    assert (np.diff(scores, axis=1) <= 0).all()
    if mode == "exact":
        assert_same_lists(exact_scores(generation, batch, unlisted), rows)
    assert recall_of(rows, exact_lists(generation, batch, unlisted)).mean() >= 0.95
    assert 40 == ranker.n_lists["exact" if mode == "exact" else "annoy"]


def test_whoever_likes_what_is_unavailable_is_ranked_exactly(generation: Generation) -> None:
    """An index would look at nothing else where a listener points to; others in the batch keep theirs."""
    batch = fans(generation, 8, 0)
    nearest = np.argsort(-batch.queries[3] @ generation.item_factors.T)[:2400]
    unlisted = unavailable_of(generation, nearest)
    index = Cut(index_of(generation), 400)

    rows, _ = from_index(generation, cast(ItemIndex, index), *batch, N, unlisted)

    assert_same_lists(exact_scores(generation, batch, unlisted).part(np.array([3])), rows[3:4])
    assert not np.isin(rows, unlisted.rows).any()
    assert (rows >= 0).all()


class Cut:
    """An index that looks at less, as one of millions of items does beside their number."""

    def __init__(self, index: ItemIndex, n: int) -> None:
        """Find so many of the neighbours that `index` finds, the nearest."""
        self.n_long = index.n_long
        self._index, self._n = index, n

    def find(self, query: Floats, n: int, listed_share: float) -> Rows:
        """Return the first of them."""
        return self._index.find(query, n, listed_share)[: self._n]


def test_the_more_is_unavailable_the_more_is_looked_at(generation: Generation) -> None:
    """So that as many remain that may be in a list."""
    index = index_of(generation)
    counts = [len(index.find(generation.item_factors[0], 10, share)) for share in (1.0, 0.9, 0.75)]

    assert sorted(counts) == counts
    assert counts[2] > 1.2 * counts[0]


def test_where_most_is_unavailable_lists_are_ranked_exactly(generation: Generation) -> None:
    """Under any setting; the index is used again once items are available."""
    ranker, batch = Ranker(settings_of("annoy").ranking), listeners(7)
    unlisted = unavailable_of(generation, np.arange(N_ITEMS * 6 // 10))

    rows, _ = ranker.top_n(generation, *batch, N, unlisted)
    ranker.top_n(generation, *batch, N)

    assert_same_lists(exact_scores(generation, batch, unlisted), rows)
    assert {"exact": 7, "annoy": 7} == ranker.n_lists


def test_a_catalog_that_is_still_empty_is_the_one_that_is_asked(generation: Generation) -> None:
    """It is filled only after a worker is put together."""
    catalog = ItemCatalog()
    ranker = Ranker(settings_of().ranking, catalog)
    catalog.on_record(b"i1", b'{"item_id": "i1", "available_until_ms": 1}')

    assert 1 == len(ranker.catalog.unlisted(generation, 10).unavailable_rows)
