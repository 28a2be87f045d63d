"""Histories before many moments: the same as summing over all plays at each."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.evaluation.history_replay import Signals, Unrolled, replay_histories, replay_histories_plain

SIGNALS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 5), st.integers(0, 50), st.sampled_from([1.0, 0.5, -1.0, -0.0])),
    max_size=40,
)
HALF_LIVES = st.sampled_from([0.5, 2.0, 5.0, np.inf])


def by_item(unrolled: Unrolled) -> list[dict[tuple[int, bool], float]]:
    """Return every history as weights by item and by whether they are against it."""
    parts = [slice(*unrolled.starts[m : m + 2]) for m in range(len(unrolled.starts) - 1)]
    columns = [(unrolled.items[part].tolist(), unrolled.weights[part]) for part in parts]
    return [
        dict(zip(zip(items, np.signbit(weights).tolist(), strict=True), weights.tolist(), strict=True))
        for items, weights in columns
    ]


@given(SIGNALS, HALF_LIVES, st.sampled_from([10.0, np.inf]), st.randoms())
def test_the_kernel_equals_its_plain_twin(
    drawn: list[tuple[int, int, int, float]], half_life: float, half_life_s: float, dice: Random
) -> None:
    """Kernel and plain Python give the same items with the same weights."""
    ordered = sorted(drawn, key=lambda signal: signal[0])
    users, items, at_s, weights = (np.array(column) for column in np.array(ordered, float).reshape(-1, 4).T)
    moments, counted = (np.array([dice.random() < share for _ in drawn], np.bool_) for share in (0.5, 0.8))
    signals = Signals(np.searchsorted(users, np.arange(5)), items.astype(np.int32), weights, at_s, counted)

    expected = by_item(replay_histories_plain(signals, moments, half_life, half_life_s))
    unrolled = by_item(replay_histories(signals, moments, half_life, half_life_s))

    assert [history.keys() for history in expected] == [history.keys() for history in unrolled]
    for plain, fast in zip(expected, unrolled, strict=True):
        assert plain == pytest.approx(fast, rel=1e-5)


def test_a_repeat_raises_what_is_left_of_the_item() -> None:
    """Before a listener's fourth play the first item is worth its last play and half of a half of the one before."""
    plays = np.ones(4, np.float32), np.zeros(4, np.uint32), np.ones(4, np.bool_)
    signals = Signals(np.array([0, 4]), np.array([7, 8, 7, 9], np.int32), *plays)

    unrolled = replay_histories(signals, np.array([False, False, False, True]), half_life_plays=1.0)

    assert [{(7, False): 1.25, (8, False): 0.5}] == by_item(unrolled)
