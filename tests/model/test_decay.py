"""Decay in a listener's own plays."""

import numpy as np

from model.decay import NO_DECAY, HalfLives, decayed


def test_a_half_life_halves() -> None:
    """After as many plays as the half-life, half is left; after twice as many, a quarter."""
    np.testing.assert_allclose(np.array([2, 1, 0.5], np.float32), decayed([2, 2, 2], [0, 3, 6], HalfLives(3)))


def test_an_infinite_half_life_keeps_everything() -> None:
    """Without decay the oldest play counts as much as the latest."""
    np.testing.assert_array_equal([1, 1], decayed([1, 1], [0, 2**31], NO_DECAY))


def test_what_is_long_past_is_worth_nothing_and_still_a_number() -> None:
    """A play that lies many half-lives back decays to zero without a warning."""
    np.testing.assert_array_equal([0], decayed([1], [100_000], HalfLives(1)))


def test_weights_are_single_precision() -> None:
    """The kernels take float32; nothing widens on the way."""
    assert np.float32 == decayed(np.ones(1), np.ones(1, np.uint32), HalfLives(5)).dtype


def test_time_halves_as_plays_do() -> None:
    """Both at once, whichever passes; without a half-life in time, time does nothing."""
    np.testing.assert_allclose([0.25, -0.25], decayed([1, -1], [3, 0], HalfLives(3, seconds=10), [10, 20]))
    np.testing.assert_array_equal([1], decayed([1], [0], HalfLives(3), [10**9]))
