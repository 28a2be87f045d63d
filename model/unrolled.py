"""What listeners had played before each of many moments: the histories of a whole stream, side by side.

With item factors that stay as they are, a list depends on nobody's plays but its listener's. So a stream need not be
walked event by event: the history before every event is written down first, and all vectors are solved at once.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numba import njit

from model.arrays import Flags, Floats, Rows, Starts, frozen


class Unrolled(NamedTuple):
    """Histories as of n moments, one after the other."""

    starts: Starts  # (n + 1,): the history before moment m is starts[m]:starts[m + 1]
    items: Rows  # (h,), each once in a history
    weights: Floats  # (h,), decayed to the moment


def unroll(starts: Starts, items: Rows, weights: Floats, moments: Flags, half_life_plays: float) -> Unrolled:
    """Write down every listener's history before each of their plays that is a moment.

    Args:
        starts: Compressed rows over listeners, shape (n_users + 1,).
        items: What they played, each listener's plays in order, shape (p,).
        weights: What each play is worth before any decay, shape (p,).
        moments: The plays before which a history is asked for, shape (p,).
        half_life_plays: Plays after which a play counts half; infinite for no decay.

    Returns:
        One history for each moment, in the order of the plays.
    """
    starts, items, moments = frozen(starts, np.int64), frozen(items, np.int32), frozen(moments, np.bool_)
    lengths = _lengths(starts, items)
    ends = np.concatenate(([0], np.cumsum(lengths[moments])))
    found = Unrolled(ends, np.empty(ends[-1], np.int32), np.empty(ends[-1], np.float32))
    _unroll(starts, items, frozen(weights, np.float32), moments, 1.0 / half_life_plays, *found)
    return found


def unroll_plain(starts: Starts, items: Rows, weights: Floats, moments: Flags, half_life_plays: float) -> Unrolled:
    """Do the same by summing over all plays at every moment: what the kernel is tested against."""
    histories: list[dict[int, float]] = []
    for start, end in pairwise(starts.tolist()):
        for moment in start + np.flatnonzero(moments[start:end]):
            history: dict[int, float] = {}
            for play in range(start, moment):
                worth = float(weights[play]) * 2.0 ** -((moment - 1 - play) / half_life_plays)
                history[int(items[play])] = history.get(int(items[play]), 0.0) + worth
            histories.append(history)
    ends = np.cumsum([0, *(len(history) for history in histories)])
    found = [(item, worth) for history in histories for item, worth in history.items()]
    return Unrolled(
        ends.astype(np.int64),
        np.array([item for item, _ in found], np.int32),
        np.array([worth for _, worth in found], np.float32),
    )


@njit
def _find(items: Rows, n: int, item: int) -> int:
    """Return where an item stands among the first n, the latest first, or n."""
    for i in range(n - 1, -1, -1):
        if items[i] == item:
            return i
    return n


@njit(nogil=True, cache=True)
def _lengths(starts: Starts, items: Rows) -> Starts:
    """Return how many items a listener had played before each play."""
    lengths, known = np.zeros(len(items), np.int64), np.empty_like(items)
    for u in range(len(starts) - 1):
        n = 0
        for i in range(starts[u], starts[u + 1]):
            lengths[i] = n
            at = _find(known, n, items[i])
            known[at] = items[i]
            n += at == n
    return lengths


@njit(nogil=True, cache=True)
def _unroll(
    starts: Starts,
    items: Rows,
    weights: Floats,
    moments: Flags,
    decay: float,
    ends: Starts,
    known_items: Rows,
    known_weights: Floats,
) -> None:
    """Walk every listener's plays and copy the history, decayed, wherever there is a moment."""
    longest = 0
    for u in range(len(starts) - 1):
        longest = max(longest, starts[u + 1] - starts[u])
    known, values, touched = np.empty(longest, np.int32), np.empty(longest, np.float64), np.empty(longest, np.int64)
    moment = 0
    for u in range(len(starts) - 1):
        n = 0
        for i in range(starts[u], starts[u + 1]):
            if moments[i]:
                first = ends[moment]
                for j in range(n):
                    known_items[first + j] = known[j]
                    known_weights[first + j] = values[j] * 2.0 ** ((touched[j] - i + 1) * decay)
                moment += 1
            at = _find(known, n, items[i])
            value = values[at] * 2.0 ** ((touched[at] - i) * decay) if at < n else 0.0
            known[at], values[at], touched[at] = items[i], value + weights[i], i
            n += at == n
