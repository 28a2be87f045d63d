"""Plays summed over everybody."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.arrays import Counts, Floats, Rows
from model.popularity import HALF_LIVES_MAX, LivePlays, popularity_in_time

HALF_LIFE_S, NOW_S = 100.0, 1_000_000


def test_plays_decay_with_time() -> None:
    """An entry counts by how long before the latest one its last play was; a time to come counts as now.

    Neither an unknown item nor a dislike counts at all.
    """
    values = np.array([1, 2, 4, 8, -5], np.float32)
    played, rows = np.array([900, 1000, 5000, 100, 100], np.uint32), np.array([0, 1, 1, -1, 1], np.int32)

    popularity, as_of_s = popularity_in_time(values, played, rows, 3, HALF_LIFE_S, now_s=1100)

    assert 1100 == as_of_s
    np.testing.assert_allclose([0.25, 2 * 0.5 + 4, 0], popularity)


def test_nothing_played_is_no_popularity() -> None:
    """Zeros as of no time."""
    nothing = np.zeros(0, np.float32), np.zeros(0, np.uint32), np.zeros(0, np.int32)

    popularity, as_of_s = popularity_in_time(*nothing, 2, HALF_LIFE_S, NOW_S)

    assert [0.0, 0.0] == popularity.tolist()
    assert 0 == as_of_s


def live(plays: list[tuple[int, float, int]]) -> tuple[Rows, Floats, Counts]:
    """Return plays as columns: item row, weight, time."""
    columns = list(zip(*plays, strict=True)) or [(), (), ()]
    return np.array(columns[0], np.int32), np.array(columns[1], np.float32), np.array(columns[2], np.uint32)


@given(
    st.lists(st.tuples(st.integers(-1, 4), st.floats(0.125, 8, width=32), st.integers(1, 50_000)), min_size=1),
    st.randoms(use_true_random=False),
    st.integers(1, 7),
)
def test_live_plays_are_exact_in_any_order(plays: list[tuple[int, float, int]], random: Random, size: int) -> None:
    """In any order and grouping, the result is the sum of all plays, each halved by its age, however often rescaled."""
    begun, as_of_s = np.array([3, 0, 1, 0, 2], np.float32), 20_000
    counted = [(row, weight, at) for row, weight, at in plays if row >= 0]
    latest = max([as_of_s, *(at for _, _, at in counted)])
    expected = begun.astype(np.float64) * 2.0 ** ((as_of_s - latest) / HALF_LIFE_S)
    for row, weight, at in counted:
        expected[row] += weight * 2.0 ** ((at - latest) / HALF_LIFE_S)
    shuffled = random.sample(plays, len(plays))

    live_plays = LivePlays.begin(begun, as_of_s)
    for low in range(0, len(shuffled), size):
        live_plays.add(*live(shuffled[low : low + size]), HALF_LIFE_S, NOW_S)

    np.testing.assert_allclose(expected, live_plays.plays(HALF_LIFE_S), rtol=1e-9, atol=1e-9)
    assert latest == live_plays.latest_s
    assert live_plays.latest_s - live_plays.reference_s <= HALF_LIVES_MAX * HALF_LIFE_S


def test_what_is_of_no_known_time_counts_as_of_the_first_plays() -> None:
    """A generation that does not say when its popularity was: it is neither all nor nothing beside them."""
    live_plays = LivePlays.begin(np.array([4.0, 0.0], np.float32), 0)

    live_plays.add(*live([(1, 1.0, 500), (1, 1.0, 400)]), HALF_LIFE_S, NOW_S)

    np.testing.assert_allclose([4, 1.5], live_plays.plays(HALF_LIFE_S))


def test_a_wrong_clock_cannot_make_other_plays_worthless() -> None:
    """A play of the year 2099 counts as one of now."""
    live_plays = LivePlays.begin(np.array([4.0, 0.0], np.float32), NOW_S)

    live_plays.add(*live([(1, 1.0, 4_000_000_000)]), HALF_LIFE_S, NOW_S)

    assert [4.0, 1.0] == live_plays.plays(HALF_LIFE_S).tolist()


@pytest.mark.parametrize("play", [(-1, 1.0, 500), (0, -2.0, 500), (0, 0.0, 500)])
def test_neither_unknown_items_nor_dislikes_count(play: tuple[int, float, int]) -> None:
    """Nor do they move the time."""
    live_plays = LivePlays.begin(np.array([1.0], np.float32), 400)

    live_plays.add(*live([play]), HALF_LIFE_S, NOW_S)

    assert [1.0] == live_plays.plays(HALF_LIFE_S).tolist()
    assert 400 == live_plays.latest_s


def test_plays_may_count_for_ever() -> None:
    """With an infinite half-life they are a plain sum."""
    live_plays = LivePlays.begin(np.array([1.0], np.float32), 400)

    live_plays.add(*live([(0, 1.0, 100), (0, 1.0, 900_000)]), np.inf, NOW_S)

    assert [3.0] == live_plays.plays(np.inf).tolist()
