"""The contribution of each listener to the popularity of an item: at most one play, however often they play it."""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from model.arrays import Counts, Flags, Floats, Keys, Starts, as_own_array
from model.history import Histories
from model.kernel import kernel

LISTENER_MAX = 1.0
"""The largest contribution of a listener to the popularity of an item, in plays."""


class Signals(NamedTuple):
    """New signals of the same n users, each user's in order."""

    starts: Starts  # (n + 1,)
    item_keys: Keys  # (p,)
    weights: Floats  # (p,)
    at_s: Counts  # (p,), event time, seconds since 1970
    counted: Flags  # (p,), True for signals that count for popularity: learnt ones for their item


class Contributions(NamedTuple):
    """The contribution of the listener of a signal to the popularity of its item, for every counted signal."""

    before: Floats
    before_s: Counts
    """As of when it was, in seconds since 1970; 0 for none."""
    after: Floats
    after_s: Counts


def contributions(histories: Histories, signals: Signals, half_life_s: float) -> Contributions:
    """Return how signals change the contributions of their listeners.

    A contribution is the sum of the listener's signals for the item, each halved with the time until the latest of
    them, at most `LISTENER_MAX`. So the result does not depend on the order of arrival, nor on groups.

    Args:
        histories: Histories of n users before the signals.
        signals: Their new signals.
        half_life_s: Seconds after which a signal counts half; infinite for no decay.
    """
    columns = _contributions(
        as_own_array(histories.starts, np.int64),
        as_own_array(histories.item_keys, np.uint64),
        as_own_array(histories.values, np.float32),
        as_own_array(histories.last_played_s, np.uint32),
        as_own_array(signals.starts, np.int64),
        as_own_array(signals.item_keys, np.uint64),
        as_own_array(signals.weights, np.float32),
        as_own_array(signals.at_s, np.uint32),
        as_own_array(signals.counted, np.bool_),
        1.0 / half_life_s,
    )
    return Contributions(*columns)


@njit
def _merge(total: float, as_of_s: Any, weight: float, at_s: Any, halvings: float) -> tuple[float, Any]:
    """Add a signal to a sum of signals; return the sum and as of when it is."""
    late_s = np.int64(at_s) - np.int64(as_of_s)
    if late_s > 0:
        return total * 2.0 ** (-late_s * halvings) + weight, np.int64(at_s)
    return total + weight * 2.0 ** (late_s * halvings), np.int64(as_of_s)


@kernel
def _contributions(
    starts: Starts,
    item_keys: Keys,
    values: Floats,
    played_s: Counts,
    new_starts: Starts,
    new_keys: Keys,
    weights: Floats,
    at_s: Counts,
    counted: Flags,
    halvings: float,
) -> tuple[Floats, Counts, Floats, Counts]:
    """Sum the signals of an item for every counted signal; a user has few signals in a group."""
    n = np.count_nonzero(counted)
    before, before_s = np.empty(n, np.float32), np.empty(n, np.uint32)
    after, after_s, at = np.empty(n, np.float32), np.empty(n, np.uint32), 0
    for u in range(len(starts) - 1):
        for i in range(new_starts[u], new_starts[u + 1]):
            if not counted[i]:
                continue
            total, as_of_s = 0.0, np.int64(0)
            for j in range(starts[u], starts[u + 1]):
                if item_keys[j] == new_keys[i] and values[j] > 0:
                    total, as_of_s = _merge(total, as_of_s, values[j], played_s[j], halvings)
            for j in range(new_starts[u], i):
                if counted[j] and new_keys[j] == new_keys[i]:
                    total, as_of_s = _merge(total, as_of_s, weights[j], at_s[j], halvings)
            before[at], before_s[at] = min(total, LISTENER_MAX), as_of_s
            total, as_of_s = _merge(total, as_of_s, weights[i], at_s[i], halvings)
            after[at], after_s[at] = min(total, LISTENER_MAX), as_of_s
            at += 1
    return before, before_s, after, after_s
