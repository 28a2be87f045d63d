"""The variance of scores that plays leave: held against its definition, and the laws it keeps."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from model.arrays import Floats
from model.diagonal_basis import diagonalise, rotate
from model.equations import equations_of
from model.fixed_items import FixedItems
from model.objective import Objective
from model.ragged import WeightedRows
from model.score_variance import score_variances_plain, variance_left

N_ITEMS, FACTORS = 60, 8
OBJECTIVE = Objective(factors=FACTORS)
PRIOR = float(OBJECTIVE.row_regularization(1))
histories = st.lists(
    st.lists(st.tuples(st.integers(-1, N_ITEMS - 1), st.floats(0, 50, width=32)), max_size=24), min_size=1, max_size=5
)


def items() -> FixedItems:
    """Return made-up items."""
    drawn = np.random.default_rng(3).standard_normal((N_ITEMS, FACTORS)).astype(np.float32) * np.float32(0.3)
    rotation, diagonal = diagonalise(drawn, OBJECTIVE.gram_scale)
    return FixedItems(rotate(drawn, rotation), diagonal)


ITEMS = items()


def left_of(*users: list[tuple[int, float]]) -> Floats:
    """Return the variance left of listeners with these item rows and weights."""
    rows = np.array([row for user in users for row, _ in user], np.int32)
    weights = np.array([weight for user in users for _, weight in user], np.float32)
    starts = np.cumsum([0, *map(len, users)])
    return variance_left(equations_of(WeightedRows(starts, rows, weights), OBJECTIVE), ITEMS, PRIOR)


@given(histories)
def test_the_share_is_that_of_all_scores(users: list[list[tuple[int, float]]]) -> None:
    """The share is the mean variance of all scores over that before the first play, by inverting every system."""
    nothing = np.zeros(0, np.int32), np.zeros(0, np.float32)
    prior = score_variances_plain(*nothing, ITEMS, PRIOR).sum()
    expected = []
    for user in users:
        rows, weights = (np.array([entry[i] for entry in user]) for i in (0, 1))
        known = [row for row, _ in user if row >= 0]
        regularization = float(OBJECTIVE.row_regularization(len(known))) if known else PRIOR
        confidences = OBJECTIVE.confidences(weights)
        variances = score_variances_plain(rows.astype(np.int32), confidences, ITEMS, regularization)
        expected.append(variances.sum() / prior)

    np.testing.assert_allclose(expected, left_of(*users), atol=1e-5)


@given(st.lists(st.tuples(st.integers(0, N_ITEMS - 1), st.floats(0.25, 50, width=32)), min_size=1, max_size=8))
def test_the_variance_falls_with_every_play(plays: list[tuple[int, float]]) -> None:
    """The share is 1 without plays, and each further play of any item lowers it."""
    left = left_of(*(plays[:n] for n in range(len(plays) + 1))).tolist()

    assert 1.0 == left[0]
    assert all(before > after for before, after in pairwise(left))


def test_the_variance_goes_to_nothing() -> None:
    """Many plays of the whole catalog leave almost no variance."""
    everything = [(row, 1e6) for row in range(N_ITEMS)]

    assert 0 < left_of(everything)[0] < 0.01


def test_an_unknown_item_tells_nothing() -> None:
    """Neither alone nor beside others."""
    alone, beside, without = left_of([(-1, 3.0)], [(-1, 3.0), (5, 1.0)], [(5, 1.0)]).tolist()

    assert 1.0 == alone
    assert beside == without < 1
