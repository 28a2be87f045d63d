"""Histories of listeners before each of many moments: those of a whole stream, side by side.

With item factors that stay as they are, a list depends on nobody's plays but its listener's. So a stream need not be
walked event by event: the history before every event is written down first, and all vectors are solved at once.
"""

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numba import njit

from model.arrays import Counts, Doubles, Flags, Floats, Rows, Starts, as_kernel_array, starts_of
from model.kernel import kernel


class Signals(NamedTuple):
    """Signals of listeners, one listener after the other, each one's in order."""

    starts: Starts  # (n_users + 1,)
    items: Rows  # (p,)
    weights: Floats  # (p,), before any decay; below 0: against the item
    at_s: Counts  # (p,), event time, seconds since 1970
    counted: Flags  # (p,), which are plays, by which age is counted


class Unrolled(NamedTuple):
    """Histories as of n moments, one after the other."""

    starts: Starts  # (n + 1,): the history before moment m is starts[m]:starts[m + 1]
    items: Rows  # (h,), each once in a history, or twice: with a weight for and one against it
    weights: Floats  # (h,), decayed to the moment


def replay_histories(signals: Signals, moments: Flags, half_life_plays: float, half_life_s: float = np.inf) -> Unrolled:
    """Write down every listener's history before each of their signals that is a moment.

    Args:
        signals: The listeners' signals.
        moments: The signals before which a history is asked for, shape (p,).
        half_life_plays: Plays after which a signal counts half; infinite for no decay.
        half_life_s: Seconds of event time after which it does; infinite for no decay. Time is that of the listener's
            latest signal before the moment.

    Returns:
        One history for each moment, in the order of the signals.
    """
    columns = (
        as_kernel_array(signals.starts, np.int64),
        as_kernel_array(signals.items, np.int32),
        as_kernel_array(signals.weights, np.float32),
        as_kernel_array(signals.at_s, np.uint32),
        as_kernel_array(signals.counted, np.bool_),
    )
    moments = as_kernel_array(moments, np.bool_)
    lengths = _lengths(*columns[:3])
    ends = starts_of(lengths[moments])
    histories = Unrolled(ends, np.empty(ends[-1], np.int32), np.empty(ends[-1], np.float32))
    _unroll(columns, moments, (1.0 / half_life_plays, 1.0 / half_life_s), histories)
    return histories


def replay_histories_plain(
    signals: Signals, moments: Flags, half_life_plays: float, half_life_s: float = np.inf
) -> Unrolled:
    """Do the same by summing over all signals at every moment: the reference for the kernel."""
    histories: list[dict[tuple[int, bool], float]] = []
    for start, end in pairwise(signals.starts.tolist()):
        for moment in start + np.flatnonzero(moments[start:end]):
            history: dict[tuple[int, bool], float] = {}
            now_s = max(signals.at_s[start:moment].tolist(), default=0)
            for place in range(start, moment):
                plays = int(signals.counted[place + 1 : moment].sum())
                halvings = plays / half_life_plays + (now_s - int(signals.at_s[place])) / half_life_s
                weight = float(signals.weights[place])
                key = int(signals.items[place]), math.copysign(1, weight) < 0
                history[key] = history.get(key, 0.0) + weight * 2.0**-halvings
            histories.append(history)
    ends = np.cumsum([0, *(len(history) for history in histories)])
    entries = [(item, worth) for history in histories for (item, _), worth in history.items()]
    return Unrolled(
        ends.astype(np.int64),
        np.array([item for item, _ in entries], np.int32),
        np.array([worth for _, worth in entries], np.float32),
    )


@njit
def _find(items: Rows, against: Flags, n: int, item: int, weight: float) -> int:
    """Return where an item stands among the first n with a weight of that sign, the latest first, or n."""
    for i in range(n - 1, -1, -1):
        if items[i] == item and against[i] == (math.copysign(1.0, weight) < 0):
            return i
    return n


@kernel
def _lengths(starts: Starts, items: Rows, weights: Floats) -> Starts:
    """Return how many entries a listener's history had before each signal."""
    lengths, known, against = np.zeros(len(items), np.int64), np.empty_like(items), np.zeros(len(items), np.bool_)
    for u in range(len(starts) - 1):
        n = 0
        for i in range(starts[u], starts[u + 1]):
            lengths[i] = n
            at = _find(known, against, n, items[i], weights[i])
            known[at], against[at] = items[i], math.copysign(1.0, weights[i]) < 0
            n += at == n
    return lengths


@njit
def _decayed(value: float, plays: int, seconds: int, decay: tuple[float, float]) -> float:
    """Return a value, decayed by so many plays and seconds."""
    worth: float = value * 2.0 ** (-plays * decay[0] - seconds * decay[1])
    return worth


@kernel
def _unroll(
    signals: tuple[Starts, Rows, Floats, Counts, Flags],
    moments: Flags,
    decay: tuple[float, float],
    histories: tuple[Starts, Rows, Floats],
) -> None:
    """Walk every listener's signals and copy the history, decayed, wherever there is a moment."""
    starts, items, weights, at_s, counted = signals
    ends, known_items, known_weights = histories
    longest = 0
    for u in range(len(starts) - 1):
        longest = max(longest, starts[u + 1] - starts[u])
    known, against = np.empty(longest, np.int32), np.zeros(longest, np.bool_)
    values: Doubles = np.empty(longest, np.float64)
    touched, played = np.empty(longest, np.int64), np.empty(longest, np.int64)
    moment = 0
    for u in range(len(starts) - 1):
        n, plays, now_s = 0, 0, np.int64(0)
        for i in range(starts[u], starts[u + 1]):
            if moments[i]:
                first = ends[moment]
                for j in range(n):
                    known_items[first + j] = known[j]
                    known_weights[first + j] = _decayed(values[j], plays - touched[j], now_s - played[j], decay)
                moment += 1
            plays += counted[i]
            at = _find(known, against, n, items[i], weights[i])
            as_of, value = np.int64(at_s[i]), 0.0
            if at < n:
                as_of = max(played[at], as_of)
                value = _decayed(values[at], plays - touched[at], as_of - played[at], decay)
            value += _decayed(weights[i], 0, as_of - np.int64(at_s[i]), decay)
            known[at], values[at], touched[at], played[at] = items[i], value, plays, as_of
            against[at] = math.copysign(1.0, weights[i]) < 0
            now_s = max(now_s, np.int64(at_s[i]))
            n += at == n
