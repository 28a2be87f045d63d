"""Plays summed over everybody."""

import numpy as np

from model.history import Histories
from model.popularity import popularity

HISTORIES = Histories(
    np.array([0, 2, 3]),
    np.array([7, 8, 7], np.uint64),
    np.array([1, 2, 4], np.float32),
    np.array([1, 3, 5], np.uint32),
    np.zeros(3, np.uint32),
)
PLAYS_NOW = np.array([3, 10], np.uint32)


def test_plays_are_summed_over_users() -> None:
    """Without decay an item is as popular as the sum of its values."""
    assert [5, 2, 0] == popularity(HISTORIES, PLAYS_NOW, np.array([0, 1, 0], np.int32), n_items=3).tolist()


def test_plays_decay_with_what_their_listeners_played_since() -> None:
    """With a half-life an entry counts by its age in its own listener's plays."""
    rows = np.array([0, 1, 0], np.int32)

    np.testing.assert_allclose(
        [0.75**0 * 0.5 ** (2 / 5) + 2, 2], popularity(HISTORIES, PLAYS_NOW, rows, n_items=2, half_life_plays=5)
    )


def test_items_outside_the_catalog_are_left_out() -> None:
    """An entry without a row counts nowhere."""
    assert [0, 2] == popularity(HISTORIES, PLAYS_NOW, np.array([-1, 1, -1], np.int32), n_items=2).tolist()
