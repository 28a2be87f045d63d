"""What a play is worth, once more plays, or time, have followed it."""

import numpy as np
from numpy.typing import ArrayLike

from model.arrays import Floats


def decayed(
    values: ArrayLike,
    ages_in_plays: ArrayLike,
    half_life_plays: float,
    ages_s: ArrayLike = 0,
    half_life_s: float = np.inf,
) -> Floats:
    """Return what values are worth now: `value * 2 ** (-plays / half_life_plays - seconds / half_life_s)`.

    Age is counted in the listener's own plays, and in event time up to the listener's own last signal, so an idle
    listener's weights stand still.

    Args:
        values: Decayed weights, as of the play that last touched them and the latest event time of their signals;
            below 0 for signals against an item.
        ages_in_plays: The listener's plays since then.
        half_life_plays: Plays after which a play counts half; infinite for no decay.
        ages_s: Seconds of event time since then.
        half_life_s: Seconds after which a play counts half; infinite for no decay.

    >>> decayed([1.0, 3.0], [0, 5], half_life_plays=5.0).tolist()
    [1.0, 1.5]
    >>> decayed([8.0, -8.0], [2, 2], 2.0, [0, 60], half_life_s=30.0).tolist()
    [4.0, -1.0]
    """
    halvings = np.asarray(ages_in_plays, np.float32) * np.float32(-1.0 / half_life_plays)
    if half_life_s < np.inf:
        halvings = halvings - (np.asarray(ages_s, np.float64) / half_life_s).astype(np.float32)
    worth: Floats = np.asarray(values, np.float32) * np.exp2(halvings)
    return worth
