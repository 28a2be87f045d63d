"""The events of a group between decoding and learning: a row for each, and the columns of all."""

from collections.abc import Sequence
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from state.users.event_columns import EventColumns

EVENT = np.dtype(
    [
        ("user", "i8"),
        ("offset", "i8"),
        ("item_key", "u8"),
        ("weight", "f4"),
        ("at_s", "u4"),
        ("play_id", "u8"),
        ("action", "u1"),
    ]
)
"""An event: the number of its user, then the columns of `EventColumns`."""
_TYPES = tuple(EVENT[name] for name in EVENT.names or ())
_BY_USER = itemgetter(0, 1)  # user and offset; the items of one shown list stay in their order
Row = tuple[int, int, int, float, int, int, int]
"""An event with the fields of `EVENT`."""


def columns_of(rows: Sequence[Row], n_users: int) -> EventColumns:
    """Return events in any order as columns, ordered by user and, for a user, by offset."""
    ordered = sorted(rows, key=_BY_USER)
    users, *columns = zip(*ordered, strict=True) if ordered else ((),) * len(_TYPES)
    starts = np.array(users, np.int64).searchsorted(np.arange(n_users + 1))
    return EventColumns(starts, *map(np.array, columns, _TYPES[1:]))


def to_columns(events: NDArray[np.void], n_users: int) -> EventColumns:
    """Return events of `EVENT`, ordered by user and by offset, as columns."""
    starts = events["user"].searchsorted(np.arange(n_users + 1))
    return EventColumns(starts, *(np.ascontiguousarray(events[name]) for name in (EVENT.names or ())[1:]))
