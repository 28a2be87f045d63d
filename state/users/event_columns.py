"""A group's events as columns, one row per change of a user's record; kernels loop over them."""

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.arrays import Codes, Counts, Floats, Keys, Starts


class Action(IntEnum):
    """The effect of an event on its user's record."""

    PLAY = 0
    """A signal that counts as a play, and so makes earlier signals one play older."""
    SIGNAL = 1
    """Any other signal of an item."""
    HIDE = 2
    UNHIDE = 3
    SHOWN = 4
    """One of the items that an event names; those of one event share an offset."""
    PAUSE = 5
    RESUME = 6
    NOTHING = 7
    """A play of which nothing was heard."""


COPY = 128
"""Bit of an action: a copy of a request, for a user whose plays may be on a partition that is not the one of their key.
It changes nothing where nothing of the user is stored."""


class EventColumns(NamedTuple):
    """Events of `n` users in the order of the users, those of a user in the order of their offsets."""

    starts: Starts  # (n + 1,)
    offsets: NDArray[np.int64]  # (p,), place in the plays topic
    item_keys: Keys  # (p,), 0 for an event of no item
    weights: Floats  # (p,), weight of a signal; below 0: against the item
    at_s: Counts  # (p,), event time of a signal, seconds since 1970
    play_ids: Keys  # (p,), 0: the client sent none
    actions: Codes  # (p,)
