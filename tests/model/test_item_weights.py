"""The weights of items: sums over the signals of a history, under any half-life."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.decay import NO_DECAY, HalfLives
from model.history import Histories, add_plays
from model.item_weights import ItemWeights, item_weights, item_weights_plain, signal_counts
from tests.model.test_history import EVENTS, REPEATS, Play, no_histories, plays_of

HALF_LIVES = st.builds(HalfLives, st.sampled_from([0.5, 1.0, 5.0, np.inf]), st.sampled_from([10.0, np.inf]))
LIMITS = st.sampled_from([1.5, np.inf])


def history_of(signals: list[tuple[int, float, int, int]]) -> Histories:
    """Return the history of one user: item, weight, number of plays and time of every signal."""
    kinds = np.uint64, np.float32, np.uint32, np.uint32
    columns = [np.array(column, kind) for column, kind in zip(zip(*signals, strict=True), kinds, strict=True)]
    return Histories(np.array([0, len(signals)]), *columns)


def assert_close(expected: ItemWeights, actual: ItemWeights) -> None:
    """Compare all columns; weights within the rounding of single precision."""
    for name in ("starts", "item_keys", "touched_at_play", "last_played_s"):
        np.testing.assert_array_equal(getattr(expected, name), getattr(actual, name), err_msg=name)
    np.testing.assert_allclose(actual.weights, expected.weights, rtol=1e-6, atol=1e-30)
    np.testing.assert_array_equal(np.signbit(expected.weights), np.signbit(actual.weights))


@given(EVENTS | REPEATS, HALF_LIVES, LIMITS)
def test_the_kernel_equals_its_plain_twin(events: list[Play], half_lives: HalfLives, weight_max: float) -> None:
    """Kernel and plain Python find the same items in the same order, with the same weights."""
    histories, _ = add_plays(*no_histories(3), plays_of(3, events), 99)

    assert_close(item_weights_plain(histories, half_lives, weight_max), item_weights(histories, half_lives, weight_max))


def test_repeats_decay_and_the_item_moves_to_the_place_of_the_latest() -> None:
    """An item counts its earlier signals by the plays since, and has the play and the time of the latest."""
    histories = history_of([(1, 1.0, 1, 10), (2, 1.0, 2, 20), (1, 1.0, 3, 30)])

    items = item_weights(histories, HalfLives(2.0))

    assert [2, 1] == items.item_keys.tolist()
    assert [1.0, 1.5] == items.weights.tolist()
    assert [2, 3] == items.touched_at_play.tolist()
    assert [20, 30] == items.last_played_s.tolist()


def test_another_half_life_reads_the_same_history() -> None:
    """The half-life belongs to the reader: nothing of an earlier one is in a history."""
    histories = history_of([(1, 1.0, 1, 10), (2, 1.0, 2, 20), (1, 1.0, 3, 30)])

    weights = [item_weights(histories, HalfLives(plays)).weights.tolist() for plays in (1.0, 2.0, np.inf)]

    assert [[1.0, 1.25], [1.0, 1.5], [1.0, 2.0]] == weights


def test_without_repeats_nothing_is_copied() -> None:
    """The columns of the history are those of the items."""
    histories = history_of([(1, 1.0, 1, 10), (2, 3.0, 2, 20)])

    items = item_weights(histories, HalfLives(2.0), weight_max=3.0)

    assert items.weights is histories.values
    assert items.item_keys is histories.item_keys


def test_signals_against_an_item_stand_beside_those_for_it() -> None:
    """Neither takes from the other."""
    items = item_weights(history_of([(7, 1.0, 1, 0), (7, -1.0, 1, 0), (7, 2.0, 1, 0), (7, -1.0, 1, 0)]), NO_DECAY)

    assert [7, 7] == items.item_keys.tolist()
    assert [3.0, -2.0] == items.weights.tolist()


def test_a_sign_outlives_its_weight() -> None:
    """A decayed signal against an item is still against it."""
    items = item_weights(history_of([(7, -1.0, 1, 0), (7, -1.0, 4000, 0)]), HalfLives(1.0))

    _, weights = items.present(np.array([13_000], np.uint32), np.zeros(1, np.uint32), HalfLives(1.0))

    assert [True] == np.signbit(weights).tolist()


@pytest.mark.parametrize(("weight", "limited"), [(1.0, 1.5), (-1.0, -1.5)])
def test_an_item_is_worth_no_more_than_its_limit(weight: float, limited: float) -> None:
    """The limit holds for the sum of its signals, of either sign, as of the last of them."""
    items = item_weights(history_of([(7, weight, 1, 0), (7, weight, 2, 0)]), NO_DECAY, weight_max=1.5)

    assert [limited] == items.weights.tolist()


def test_a_single_signal_is_limited_too() -> None:
    """Without any repeat."""
    assert [1.5] == item_weights(history_of([(7, 4.0, 1, 0)]), NO_DECAY, weight_max=1.5).weights.tolist()


@given(st.permutations([(1, 0), (1, 7), (1, 30), (2, 9), (2, 12), (1, 31)]))
def test_decay_by_time_does_not_ask_for_the_order(played: list[tuple[int, int]]) -> None:
    """A signal that arrives late counts as much as if it had come in time."""
    histories = history_of([(item, 1.0, number, at_s) for number, (item, at_s) in enumerate(played, 1)])

    items = item_weights(histories, HalfLives(np.inf, seconds=10.0))

    weights = dict(zip(items.item_keys.tolist(), items.weights.tolist(), strict=True))
    assert {1: pytest.approx(2**-3.1 + 2**-2.4 + 2**-0.1 + 1), 2: pytest.approx(2**-0.3 + 1)} == weights
    assert {1: 31, 2: 12} == dict(zip(items.item_keys.tolist(), items.last_played_s.tolist(), strict=True))


def test_a_time_far_ahead_leaves_finite_weights() -> None:
    """A wrong clock makes the other signals worthless, and nothing overflows."""
    histories = history_of([(1, 1.0, 1, 10), (1, 1.0, 2, 2**32 - 1), (1, 1.0, 3, 20)])

    assert [1.0] == item_weights(histories, HalfLives(np.inf, seconds=1.0)).weights.tolist()


def test_items_grow_old_up_to_the_listeners_present() -> None:
    """By the plays since the latest signal, and by event time up to the listener's latest."""
    items = item_weights(history_of([(1, 1.0, 1, 10), (2, 1.0, 2, 20), (1, 1.0, 3, 30)]), HalfLives(2.0))

    plays, now_s = np.array([4], np.uint32), np.array([40], np.uint32)

    ages, weights = items.present(plays, now_s, HalfLives(2.0))

    assert [2, 1] == ages.tolist()
    np.testing.assert_allclose(weights, [0.5, 1.5 * 2**-0.5], rtol=1e-6)
    _, weights = items.present(plays, now_s, HalfLives(2.0, seconds=10.0))
    np.testing.assert_allclose(weights, [0.5 * 2**-2, 1.5 * 2**-0.5 * 2**-1], rtol=1e-6)


@given(EVENTS | REPEATS)
def test_every_entry_knows_how_many_signals_its_item_has(events: list[Play]) -> None:
    """Counts are those of a search through the history."""
    histories, _ = add_plays(*no_histories(3), plays_of(3, events), 99)
    users = np.repeat(np.arange(3), np.diff(histories.starts)).tolist()
    items = [*zip(users, histories.item_keys.tolist(), np.signbit(histories.values).tolist(), strict=True)]

    assert [items.count(item) for item in items] == signal_counts(histories).tolist()
