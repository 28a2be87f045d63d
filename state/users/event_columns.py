"""What a group's events do to their users' records, as columns that a kernel walks."""

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.arrays import Codes, Counts, Floats, Keys, Starts


class Action(IntEnum):
    """What an event does."""

    PLAY = 0
    """A signal by which age is counted."""
    SIGNAL = 1
    """Any other signal of an item."""
    HIDE = 2
    UNHIDE = 3
    SHOWN = 4
    """One of the items that an event names; those of one event share an offset."""
    PAUSE = 5
    RESUME = 6


class EventColumns(NamedTuple):
    """Events of `n` users as they came: user after user, each user's by offset."""

    starts: Starts  # (n + 1,)
    offsets: NDArray[np.int64]  # (p,), place in the plays topic
    item_keys: Keys  # (p,), 0 for an event of no item
    weights: Floats  # (p,), what a signal is worth; below 0: against the item
    at_s: Counts  # (p,), event time of a signal, seconds since 1970
    play_ids: Keys  # (p,), 0: the client gave none
    actions: Codes  # (p,)
