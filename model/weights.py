"""What a play is worth, once more plays have followed it."""

import numpy as np
from numpy.typing import ArrayLike

from model.arrays import Floats


def decayed(values: ArrayLike, ages_in_plays: ArrayLike, half_life_plays: float) -> Floats:
    """Return what values are worth after their listener went on playing: `value * 2 ** (-age / half_life)`.

    Age is counted in the listener's own plays, so an idle listener's weights stand still.

    Args:
        values: Decayed counts of plays, as of the play that last touched them.
        ages_in_plays: The listener's plays since then.
        half_life_plays: Plays after which a play counts half; infinite for no decay.

    >>> decayed([1.0, 3.0], [0, 5], half_life_plays=5.0).tolist()
    [1.0, 1.5]
    """
    ages = np.asarray(ages_in_plays, np.float32)
    worth: Floats = np.asarray(values, np.float32) * np.exp2(ages * np.float32(-1.0 / half_life_plays))
    return worth
