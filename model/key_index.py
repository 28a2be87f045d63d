"""Finds the rows of item keys among a generation's items."""

from typing import NamedTuple

import numpy as np

from model.arrays import Keys, Rows, Starts, as_kernel_array
from model.kernel import kernel

_SHORT = 8  # keys that are compared one by one


class KeyIndex(NamedTuple):
    """Sorted keys, and where those with the same first bits begin.

    Keys are hashes, so a few bits of one say nearly where it stands: two places in memory are read for a key, where a
    binary search reads as many as the logarithm of their number.
    """

    keys: Keys  # (n,), ascending
    rows: Rows  # (n,), the row of each
    heads: Starts  # (2 ** bits + 1,): keys with the first bits b are heads[b]:heads[b + 1]
    shift: int  # bits behind the first ones

    @classmethod
    def of(cls, keys: Keys, rows: Rows) -> "KeyIndex":
        """Return the index of ascending keys and their rows."""
        bits = max(1, len(keys).bit_length() - 2)
        firsts = np.arange((1 << bits) + 1, dtype=np.uint64)[:-1] << np.uint64(64 - bits)
        heads = np.append(np.searchsorted(keys, firsts), len(keys))
        return cls(
            as_kernel_array(keys, np.uint64),
            as_kernel_array(rows, np.int32),
            as_kernel_array(heads, np.int64),
            64 - bits,
        )

    def find(self, keys: Keys) -> Rows:
        """Return the row of every key, -1 for one that is not in the index.

        >>> index = KeyIndex.of(np.array([3, 1 << 63], np.uint64), np.array([1, 0]))
        >>> index.find(np.array([1 << 63, 4], np.uint64)).tolist()
        [0, -1]
        """
        rows: Rows = _find(as_kernel_array(keys, np.uint64), *self)
        return rows


@kernel
def _find(wanted: Keys, keys: Keys, rows: Rows, heads: Starts, shift: int) -> Rows:
    out = np.empty(len(wanted), np.int32)
    for i in range(len(wanted)):
        key = wanted[i]
        head = key >> np.uint64(shift)
        low, high = heads[head], heads[head + np.uint64(1)]
        while high - low > _SHORT:
            middle = (low + high) // 2
            if keys[middle] <= key:
                low = middle
            else:
                high = middle
        out[i] = -1
        for j in range(low, high):
            if keys[j] == key:
                out[i] = rows[j]
    return out
