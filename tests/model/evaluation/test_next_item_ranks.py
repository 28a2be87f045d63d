"""Ranks of many lists without holding their scores: the same as from a matrix of them."""

from collections.abc import Callable

import numpy as np
import pytest

from model.arrays import Floats, Rows, Starts
from model.evaluation.next_item_ranks import ranks_among
from model.evaluation.rank_metrics import MISS, QualityError, ranks_of
from model.ragged import RaggedRows

N_LISTS, N_ITEMS = 500, 700
Draw = Callable[[int, int], tuple[Starts, Rows, Floats]]


@pytest.mark.parametrize("threads", [1, 2])
def test_ranks_equal_those_from_all_scores(draw: Draw, threads: int) -> None:
    """Block by block, with one thread or two, every item stands where the whole matrix of scores puts it."""
    rng = np.random.default_rng(1)
    starts, known, _ = draw(N_LISTS, 20)
    known[::7] = -1
    # Whole numbers, so that there are ties.
    x, items = (rng.integers(-2, 3, (n, 4)).astype(np.float32) for n in (N_LISTS, N_ITEMS))
    played = rng.integers(-1, N_ITEMS, N_LISTS).astype(np.int32)
    played[np.isin(np.arange(N_LISTS) * N_ITEMS + played, np.repeat(np.arange(N_LISTS), 20) * N_ITEMS + known)] = -1

    expected = ranks_of(x @ items.T, starts, known, played)

    assert expected.tolist() == ranks_among(x, items, RaggedRows(starts, known), played, threads).tolist()
    assert MISS in expected
    assert len(set(expected.tolist())) > 100


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_a_score_that_is_no_number_is_no_rank(broken: float) -> None:
    """Factors that have diverged raise, though every comparison with them is false and would put an item first."""
    x, items = np.ones((1, 2), np.float32), np.ones((3, 2), np.float32)
    items[2] = broken

    with pytest.raises(QualityError, match=r"A score is not a finite number; the training that made it has diverged\."):
        ranks_among(x, items, RaggedRows(np.array([0, 0]), np.zeros(0, np.int32)), np.array([0], np.int32))
