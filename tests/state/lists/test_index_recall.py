"""Recall of lists from an index, and of the lists looked at last."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.arrays import Rows
from state.lists.index_recall import AT, ENOUGH, WINDOW, RecallWindow, recall_of


def lists_of(n_users: int, n: int, n_filled: int, rng: np.random.Generator) -> Rows:
    """Return lists of different items each, the last places of some of them empty."""
    rows = np.array([rng.permutation(2 * n)[:n] for _ in range(n_users)], np.int32)
    rows[rng.random(n_users) < 0.5, n_filled:] = -1
    return rows


@given(
    n_users=st.integers(1, 6),
    n=st.integers(1, 15),
    n_more=st.integers(0, 5),
    n_filled=st.integers(0, 15),
    seed=st.integers(0, 1000),
)
def test_recall_is_the_share_of_the_exact_first_ten_that_was_found(
    n_users: int, n: int, n_more: int, n_filled: int, seed: int
) -> None:
    """Among the first ten of both, in any order; empty places are neither found nor missed."""
    rng = np.random.default_rng(seed)
    listed, exact = lists_of(n_users, n, n_filled, rng), lists_of(n_users, n + n_more, n_filled, rng)

    expected = []
    for one, other in zip(listed.tolist(), exact.tolist(), strict=True):
        wanted = set(other[: min(AT, n)]) - {-1}
        expected.append(len(wanted & set(one[:AT])) / len(wanted) if wanted else 1.0)
    assert expected == pytest.approx(recall_of(listed, exact).tolist())


def test_what_stands_behind_the_tenth_place_does_not_count() -> None:
    """Neither found there nor missed there."""
    exact = np.arange(12, dtype=np.int32)[None, :]
    listed = np.array([[*range(1, 10), 99, 0, 98]], np.int32)

    assert [0.9] == recall_of(listed, exact).tolist()


def test_nothing_to_find_is_found() -> None:
    """A listener with every item known does not count against the index."""
    assert [1.0] == recall_of(np.array([[3, -1]], np.int32), np.array([[-1, -1]], np.int32)).tolist()


def test_a_window_begins_without_recall() -> None:
    """None is not zero, and is below nothing."""
    window = RecallWindow()

    assert window.mean is None
    assert 0 == window.n
    assert not window.is_below(1.0)


def test_a_window_remembers_the_lists_looked_at_last() -> None:
    """Older ones are forgotten one by one, however they came in."""
    window = RecallWindow()
    window.add(np.zeros(WINDOW - 1))
    window.add(np.ones(3))

    assert WINDOW == window.n
    assert 3 / WINDOW == window.mean

    window.add(np.ones(WINDOW))
    assert WINDOW == window.n
    assert 1.0 == window.mean


def test_a_window_judges_from_enough_lists_only() -> None:
    """One list fewer says nothing, however little was found."""
    window = RecallWindow()

    window.add(np.zeros(ENOUGH - 1))
    assert not window.is_below(0.9)

    window.add(np.zeros(1))
    assert window.is_below(0.9)


def test_a_recall_at_the_floor_is_not_below_it() -> None:
    """The floor itself is good enough, and no recall is below a floor of 0."""
    window = RecallWindow()
    window.add(np.full(ENOUGH, 0.5))

    assert not window.is_below(0.5)
    assert window.is_below(0.51)
    assert not window.is_below(0.0)
