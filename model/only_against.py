"""Items of a history with signals against them and none for them, such as items that were only skipped."""

import numpy as np
from numba import njit

from model.arrays import Flags, Floats, Keys, Starts, as_own_array
from model.kernel import kernel
from model.previous_signals import is_against

_SLOTS = 4096


def only_against(starts: Starts, item_keys: Keys, values: Floats) -> Flags:
    """Return a flag for every entry of histories whose item has no signal for it in its history, shape (h,).

    Args:
        starts: The history of user u is starts[u]:starts[u + 1], shape (n + 1,).
        item_keys: Items, shape (h,).
        values: Weights of the signals, shape (h,); below 0: against the item.

    >>> only_against(np.array([0, 3]), np.array([7, 8, 7], np.uint64), np.array([-1, -1, 2], np.float32)).tolist()
    [False, True, False]
    """
    columns = as_own_array(item_keys, np.uint64), as_own_array(values, np.float32)
    flags: Flags = _only_against(as_own_array(starts, np.int64), *columns)
    return flags


@njit
def _has_liked(item_keys: Keys, values: Floats, first: int, end: int, key: int) -> bool:
    """Tell whether entries contain a signal for an item."""
    is_liked = False
    for j in range(first, end):
        is_liked = is_liked or (item_keys[j] == key and not is_against(values[j]))
    return is_liked


@kernel
def _only_against(starts: Starts, item_keys: Keys, values: Floats) -> Flags:
    """Look for a signal for the item only if a table of the low bits of keys does not exclude one."""
    flags, may_be_liked = np.zeros(len(values), np.bool_), np.empty(0, np.bool_)
    for u in range(len(starts) - 1):
        first, end, n_against = starts[u], starts[u + 1], 0
        for i in range(first, end):
            n_against += is_against(values[i])
        if n_against == 0:
            continue
        may_be_liked = np.zeros(_SLOTS, np.bool_)
        for i in range(first, end):
            slot = item_keys[i] & np.uint64(_SLOTS - 1)
            may_be_liked[slot] = may_be_liked[slot] or not is_against(values[i])
        for i in range(first, end):
            if is_against(values[i]):
                slot = item_keys[i] & np.uint64(_SLOTS - 1)
                flags[i] = not (may_be_liked[slot] and _has_liked(item_keys, values, first, end, item_keys[i]))
    return flags
