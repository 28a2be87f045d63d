"""The decay of a signal's weight, by later plays and by time."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from model.arrays import Floats


class HalfLives(NamedTuple):
    """The half-lives of a signal, by the listener's own plays and by event time."""

    plays: float  # plays after which a signal counts half; infinite for no decay
    seconds: float = np.inf  # seconds of event time after which it counts half


NO_DECAY = HalfLives(np.inf)


def decayed(weights: ArrayLike, ages_in_plays: ArrayLike, half_lives: HalfLives, ages_s: ArrayLike = 0) -> Floats:
    """Return decayed weights: `weight * 2 ** (-plays / half_lives.plays - seconds / half_lives.seconds)`.

    Age is counted in the listener's own plays, and in event time up to the listener's own last signal, so an idle
    listener's weights do not decay.

    Args:
        weights: Undecayed weights of signals; below 0 for signals against an item.
        ages_in_plays: The listener's plays since each signal.
        half_lives: The half-lives of a generation.
        ages_s: Seconds of event time since each signal.

    >>> decayed([1.0, 3.0], [0, 5], HalfLives(5.0)).tolist()
    [1.0, 1.5]
    >>> decayed([8.0, -8.0], [2, 2], HalfLives(2.0, seconds=30.0), [0, 60]).tolist()
    [4.0, -1.0]
    """
    halvings = np.asarray(ages_in_plays, np.float32) * np.float32(-1.0 / half_lives.plays)
    if half_lives.seconds < np.inf:
        halvings = halvings - (np.asarray(ages_s, np.float64) / half_lives.seconds).astype(np.float32)
    worth: Floats = np.asarray(weights, np.float32) * np.exp2(halvings)
    return worth
