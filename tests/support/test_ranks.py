"""The comparison of ranks and lists: rounding passes, and nothing else does."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.arrays import Floats, Rows
from model.evaluation.next_item_ranks import ranks_among
from model.evaluation.rank_metrics import MISS
from model.ragged import RaggedRows
from model.ranking import BoundedItems, top_n, top_n_plain
from tests.support.ranks import (
    ItemScores,
    assert_same_lists,
    assert_same_ranks,
    assert_same_scores,
    rank_bounds,
    scores_of_vectors,
)

N_ITEMS, N_LISTS, FACTORS, LIST_N = 40, 6, 8, 10
ULPS = st.integers(0, 4)


class Scene:
    """Vectors, items many of which have nearly the same scores, and known items, drawn by a seed."""

    def __init__(self, seed: int) -> None:
        """Draw everything."""
        self.rng = np.random.default_rng(seed)
        items = self.rng.integers(-2, 3, (N_ITEMS, FACTORS)) + 1e-6 * self.rng.standard_normal((N_ITEMS, FACTORS))
        self.items: Floats = items[np.argsort(-np.linalg.norm(items, axis=1))].astype(np.float32)
        self.x: Floats = self.rng.integers(-2, 3, (N_LISTS, FACTORS)).astype(np.float32)
        rows = np.stack([self.rng.permutation(N_ITEMS) for _ in range(N_LISTS)]).astype(np.int32)
        self.played: Rows = rows[:, 0]
        self.known = RaggedRows(np.arange(N_LISTS + 1) * 4, rows[:, 1:5].ravel())
        self.scores = scores_of_vectors(self.x, self.items, self.known)

    def moved(self, factors: Floats, ulps: int) -> Floats:
        """Return factors, each moved by so many units in the last place at most, up or down."""
        bits = factors.view(np.int32) + self.rng.integers(-ulps, ulps + 1, factors.shape, dtype=np.int32)
        return np.where(factors == 0, factors, bits.view(np.float32))


@given(st.integers(0, 1 << 32), ULPS)
def test_ranks_by_factors_that_differ_by_rounding_are_the_same(seed: int, ulps: int) -> None:
    """Factors a few units in the last place away give ranks that pass, however many scores are nearly the same."""
    scene = Scene(seed)

    ranks = ranks_among(scene.moved(scene.x, ulps), scene.moved(scene.items, ulps), scene.known, scene.played)

    assert_same_ranks(scene.scores, scene.played, ranks)


@given(st.integers(0, 1 << 32), ULPS)
def test_lists_by_factors_that_differ_by_rounding_are_the_same(seed: int, ulps: int) -> None:
    """So do their lists, and the scores in them."""
    scene = Scene(seed)

    rows, scores = top_n_plain(scene.moved(scene.x, ulps), scene.moved(scene.items, ulps), scene.known, LIST_N)

    assert_same_lists(scene.scores, rows)
    assert_same_scores(scene.scores, rows, scores)


@given(st.integers(0, 1 << 32), ULPS)
def test_the_verdict_of_a_wrong_rank_does_not_depend_on_rounding(seed: int, ulps: int) -> None:
    """A rank beyond an item that scores clearly more or less fails, and fails for factors that are moved a little."""
    scene = Scene(seed)
    twice = ItemScores(scene.scores.values, 2 * scene.scores.tolerances)
    lowest, highest = rank_bounds(twice, scene.played)
    moved = scores_of_vectors(scene.moved(scene.x, ulps), scene.moved(scene.items, ulps), scene.known)

    for wrong in (lowest - 1, highest + 1):
        for number, rank in enumerate(wrong):
            ranks = ranks_among(scene.x, scene.items, scene.known, scene.played)
            ranks[number] = rank
            for scores in (scene.scores, moved):
                with pytest.raises(AssertionError, match=f"of list {number} has rank {rank}, not"):
                    assert_same_ranks(scores, scene.played, ranks)


def scores_of(values: list[float], tolerance: float = 0.0) -> ItemScores:
    """Return the scores of one listener."""
    return ItemScores(np.array([values]), np.full((1, len(values)), tolerance))


@pytest.mark.parametrize(
    ("tolerance", "expected"), [(0.0, (2, 2)), (0.1, (2, 2)), (0.2, (2, 3)), (0.5, (1, 3)), (9.0, (1, 4))]
)
def test_only_items_within_both_tolerances_may_change_places(tolerance: float, expected: tuple[int, int]) -> None:
    """The interval of ranks grows with the tolerance, item by item, to those above and to those below."""
    lowest, highest = rank_bounds(scores_of([3.0, 2.0, 1.625, -9.0, -np.inf], tolerance), np.array([1], np.int32))

    assert expected == (lowest[0], highest[0])


def test_equal_scores_without_a_tolerance_share_the_middle() -> None:
    """A tie that no rounding can break has one rank alone."""
    lowest, highest = rank_bounds(scores_of([5.0, 1.0, 1.0, 1.0, 0.0]), np.array([2], np.int32))

    assert 3 == lowest[0] == highest[0]


def test_an_item_outside_the_catalog_is_a_miss() -> None:
    """It has no rank, at any scores."""
    played = np.array([-1], np.int32)

    assert_same_ranks(scores_of([1.0, -np.inf]), played, np.array([MISS]))
    with pytest.raises(AssertionError, match="item -1 of list 0 has rank 1, not 0 to 0"):
        assert_same_ranks(scores_of([1.0, -np.inf]), played, np.array([1]))


@pytest.mark.parametrize(
    ("listed", "fault"),
    [
        ([1, 0, 2], None),
        ([0, 1, 2], None),
        ([0, 2, 1], "item 1 scores more than item 2 at place 2"),
        ([0, 1, 3], "item 2 scores more than item 3 at place 3"),
        ([0, 1, 1], "an item stands in it twice"),
        ([0, 1, -1], "2 items stand in it, not 3"),
        ([0, 1, 4], "item 4 may not be listed"),
    ],
)
def test_a_list_may_exchange_items_that_score_nearly_the_same(listed: list[int], fault: str | None) -> None:
    """Items 0 and 1 are closer than the tolerance; every other exchange, gap or repetition fails and says so."""
    scores, rows = scores_of([4.0, 4.05, 3.0, 2.0, -np.inf], tolerance=0.1), np.array([listed], np.int32)

    if fault is None:
        assert_same_lists(scores, rows)
    else:
        with pytest.raises(AssertionError, match=f"list 0: {fault}"):
            assert_same_lists(scores, rows)


def test_a_list_is_padded_when_nothing_is_left() -> None:
    """Padding stands at the end, with a score of minus infinity."""
    scores, rows = scores_of([1.0, 2.0, -np.inf]), np.array([[1, 0, -1]], np.int32)

    assert_same_lists(scores, rows)
    assert_same_scores(scores, rows, np.array([[2, 1, -np.inf]], np.float32))
    with pytest.raises(AssertionError, match="3 items stand in it, not 2"):
        assert_same_lists(scores, np.array([[1, 0, 2]], np.int32))


def test_equal_scores_without_a_tolerance_go_by_row() -> None:
    """The order of a tie that no rounding can break is part of a list."""
    assert_same_lists(scores_of([1.0, 1.0]), np.array([[0, 1]], np.int32))
    with pytest.raises(AssertionError, match="item 0 scores more than item 1 at place 1"):
        assert_same_lists(scores_of([1.0, 1.0]), np.array([[1, 0]], np.int32))


def test_a_score_beyond_its_tolerance_fails() -> None:
    """Listed scores are those of their items."""
    rows = np.array([[1, 0]], np.int32)

    assert_same_scores(scores_of([1.0, 2.0], 0.1), rows, np.array([[2.05, 1.0]], np.float32))
    with pytest.raises(AssertionError, match="a score is off by"):
        assert_same_scores(scores_of([1.0, 2.0], 0.1), rows, np.array([[2.15, 1.0]], np.float32))


def test_the_kernel_of_lists_passes() -> None:
    """The lists of a real catalog are those of its scores."""
    rng = np.random.default_rng(0)
    items = rng.standard_normal((3000, 16)).astype(np.float32)
    norms = np.linalg.norm(items, axis=1)
    items, norms = items[np.argsort(-norms)], np.sort(norms)[::-1]
    x = rng.standard_normal((50, 16)).astype(np.float32)
    known = RaggedRows(np.arange(51) * 20, rng.integers(0, 3000, 1000).astype(np.int32))

    rows, scores = top_n(x, BoundedItems(items, norms), known, 20)

    expected = scores_of_vectors(x, items, known, relative_error=0)
    assert_same_lists(expected, rows)
    assert_same_scores(expected, rows, scores)
