"""Which signals of a history repeat an earlier one: links from every entry to the entry before it of the same item.

Two entries are of the same item if their keys and the signs of their weights are equal.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from model.arrays import Floats, Keys, Rows, Starts
from model.kernel import kernel

NO_ENTRY = -1


class PreviousSignals(NamedTuple):
    """The links of n histories."""

    previous: Rows  # (h,), the place in its history of the latest earlier entry of the item, or `NO_ENTRY`
    item_starts: Starts  # (n + 1,), where the items of each user begin if every item stands once
    largest: float  # the largest weight of a single entry, without its sign


@njit
def is_against(weight: float) -> bool:
    """Tell whether a weight is of a signal against its item; -0 is one as well."""
    return math.copysign(1.0, weight) < 0


@kernel
def previous_signals(starts: Starts, item_keys: Keys, values: Floats) -> PreviousSignals:
    """Link the entries of histories.

    A hash table of open addressing finds them. It is at most a quarter full, so it hardly collides, and small enough
    for a core's cache. Item keys are hashes already, so their low bits say where to look first.
    """
    n, longest = len(starts) - 1, 0
    for u in range(n):
        longest = max(longest, starts[u + 1] - starts[u])
    space = 4
    while space < 4 * longest:
        space *= 2
    table, previous = np.empty(space, np.int32), np.empty(len(item_keys), np.int32)
    item_starts, largest = np.zeros(n + 1, np.int64), 0.0
    for u in range(n):
        first, n_items, size = starts[u], 0, 4
        while size < 4 * (starts[u + 1] - first):
            size *= 2
        mask, table[:size] = np.uint64(size - 1), NO_ENTRY
        for i in range(first, starts[u + 1]):
            key, slot = item_keys[i], item_keys[i] & mask
            while table[slot] != NO_ENTRY:
                j = first + table[slot]
                if item_keys[j] == key and is_against(values[j]) == is_against(values[i]):
                    break
                slot = (slot + np.uint64(1)) & mask
            previous[i] = table[slot]
            if previous[i] == NO_ENTRY:
                n_items += 1
            table[slot] = i - first
            largest = max(largest, abs(values[i]))
        item_starts[u + 1] = item_starts[u] + n_items
    return PreviousSignals(previous, item_starts, largest)
