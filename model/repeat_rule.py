"""Which of the items that a listener has played may be in their list again."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

KnownItems = Literal["exclude", "include"]


def known_excluded(ages_in_plays: ArrayLike, known_items: KnownItems, repeat_after_plays: int) -> NDArray[np.bool_]:
    """Tell which known items are left out of their listener's list.

    Args:
        ages_in_plays: For every known item, the listener's plays since they played it last.
        known_items: `exclude` leaves them out, `include` does not.
        repeat_after_plays: Under `exclude`, plays after which an item may come again; 0: never.

    >>> known_excluded([0, 9, 10], "exclude", repeat_after_plays=10).tolist()
    [True, True, False]
    """
    ages = np.asarray(ages_in_plays)
    if known_items == "include":
        return np.zeros(ages.shape, np.bool_)
    return ages < repeat_after_plays if repeat_after_plays else np.ones(ages.shape, np.bool_)
