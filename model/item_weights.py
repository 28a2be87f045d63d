"""The weight of every item of a history: the decayed sum of its signals, by the half-lives of a generation.

Histories store undecayed signals (`model/history.py`). Here the signals of one item and sign become one weight,
`sum_i w_i 2 ** (-plays_i / half_lives.plays - seconds_i / half_lives.seconds)`, where the ages count up to the item's
last signal, and `weight_max` limits the sum. Later decay is the same for all signals of an item.
"""

import math
from itertools import groupby
from typing import NamedTuple

import numpy as np

from model.arrays import Counts, Floats, Keys, Rows, Starts, as_kernel_array
from model.decay import HalfLives
from model.history import Histories
from model.kernel import kernel
from model.previous_signals import NO_ENTRY, PreviousSignals, is_against, previous_signals

Columns = tuple[Keys, Floats, Counts, Counts]


class Present(NamedTuple):
    """Items as of now."""

    ages_in_plays: Starts  # (k,), the user's plays since the latest signal of the item
    weights: Floats  # (k,), decayed until now


class ItemWeights(NamedTuple):
    """The items of n users' histories, one user after the other; each user's in the order of their latest signals."""

    starts: Starts  # (n + 1,)
    item_keys: Keys  # (k,), each once in a history, or twice: with a weight for and one against it
    weights: Floats  # (k,), as of the item's latest signal and the latest event time of its signals; below 0: against
    touched_at_play: Counts  # (k,), the user's plays when the latest signal came, ascending in a history
    last_played_s: Counts  # (k,), latest event time of the item's signals, seconds since 1970

    def present(self, plays: Counts, now_s: Counts, half_lives: HalfLives) -> Present:
        """Return the ages of the items in plays, and their present weights.

        Args:
            plays: The users' plays by now, shape (n,).
            now_s: Latest event time of each user, shape (n,): the weights of an idle listener do not decay.
            half_lives: The half-lives of the sums.
        """
        return Present(
            *_present(
                as_kernel_array(self.starts, np.int64),
                as_kernel_array(self.weights, np.float32),
                as_kernel_array(self.touched_at_play, np.uint32),
                as_kernel_array(self.last_played_s, np.uint32),
                as_kernel_array(plays, np.uint32),
                as_kernel_array(now_s, np.uint32),
                float(half_lives.plays),
                float(half_lives.seconds),
            )
        )


def item_weights(histories: Histories, half_lives: HalfLives, weight_max: float = np.inf) -> ItemWeights:
    """Sum the signals of every item as of its latest one.

    Args:
        histories: Histories of n users.
        half_lives: The half-lives to weigh by.
        weight_max: Largest total weight of one item, for it or against it.

    Returns:
        The items. Without repeats they share the columns of the histories, without a copy.
    """
    starts = as_kernel_array(histories.starts, np.int64)
    item_keys, values = as_kernel_array(histories.item_keys, np.uint64), as_kernel_array(histories.values, np.float32)
    links = previous_signals(starts, item_keys, values)
    if links.item_starts[-1] == len(item_keys) and links.largest <= weight_max:
        return ItemWeights(*histories)
    times = as_kernel_array(histories.touched_at_play, np.uint32), as_kernel_array(histories.last_played_s, np.uint32)
    halvings = 1.0 / half_lives.plays, 1.0 / half_lives.seconds
    columns = _sum_by_item(starts, (item_keys, values, *times), links, halvings, float(weight_max))
    return ItemWeights(links.item_starts, *columns)


def item_weights_plain(histories: Histories, half_lives: HalfLives, weight_max: float = np.inf) -> ItemWeights:
    """Compute `item_weights` in plain Python, as the reference of the kernel's tests."""
    items, starts = [], [0]
    for u in range(len(histories.starts) - 1):
        part = slice(histories.starts[u], histories.starts[u + 1])
        signals = [*zip(*(column[part].tolist() for column in histories[1:]), strict=True)]
        latest = {(key, is_against(weight)): place for place, (key, weight, _, _) in enumerate(signals)}
        by_item = sorted(signals, key=lambda signal: latest[signal[0], is_against(signal[1])])
        for (key, _), group in groupby(by_item, key=lambda signal: (signal[0], is_against(signal[1]))):
            same = [*group]
            touched, last_s = same[-1][2], max(played_s for *_, played_s in same)
            worth = sum(
                weight * 2.0 ** ((then - touched) / half_lives.plays + (played_s - last_s) / half_lives.seconds)
                for _, weight, then, played_s in same
            )
            items.append((key, min(max(worth, -weight_max), weight_max), touched, last_s))
        starts.append(len(items))
    types = np.uint64, np.float32, np.uint32, np.uint32
    columns = [np.array([item[c] for item in items], kind) for c, kind in enumerate(types)]
    return ItemWeights(np.array(starts, np.int64), *columns)


def signal_counts(histories: Histories) -> Counts:
    """Return how many signals of its item, with its sign, the history of each entry holds, shape (h,).

    >>> histories = Histories(np.array([0, 3]), np.array([7, 8, 7], np.uint64), *[np.ones(3, np.float32)] * 3)
    >>> signal_counts(histories).tolist()
    [2, 1, 2]
    """
    starts = as_kernel_array(histories.starts, np.int64)
    columns = as_kernel_array(histories.item_keys, np.uint64), as_kernel_array(histories.values, np.float32)
    counts: Counts = _count_signals(starts, previous_signals(starts, *columns).previous)
    return counts


@kernel
def _present(
    starts: Starts,
    weights: Floats,
    touched: Counts,
    last_played: Counts,
    plays: Counts,
    now_s: Counts,
    half_life_plays: float,
    half_life_s: float,
) -> tuple[Starts, Floats]:
    """Return ages in plays and present weights, as `model.decay.decayed` computes them."""
    ages, present, per_play = np.empty(len(weights), np.int64), np.empty_like(weights), np.float32(-1 / half_life_plays)
    for u in range(len(starts) - 1):
        for i in range(starts[u], starts[u + 1]):
            ages[i] = np.int64(plays[u]) - np.int64(touched[i])
            halvings = np.float32(ages[i]) * per_play
            if half_life_s < np.inf:
                halvings -= np.float32((np.int64(now_s[u]) - np.int64(last_played[i])) / half_life_s)
            present[i] = weights[i] * np.exp2(halvings)
    return ages, present


@kernel
def _count_signals(starts: Starts, previous: Rows) -> Counts:
    """Number the signals of every item, then copy the last number to all of them."""
    counts = np.ones(len(previous), np.uint32)
    for u in range(len(starts) - 1):
        first = starts[u]
        for i in range(first, starts[u + 1]):
            if previous[i] != NO_ENTRY:
                counts[i] += counts[first + previous[i]]
        for i in range(starts[u + 1] - 1, first - 1, -1):
            if previous[i] != NO_ENTRY:
                counts[first + previous[i]] = counts[i]
    return counts


@kernel
def _sum_by_item(
    starts: Starts, columns: Columns, links: PreviousSignals, halvings: tuple[float, float], weight_max: float
) -> Columns:
    """Sum the signals of every item, from the end of each history, so that an item's latest signal comes first."""
    item_keys, values, touched, played = columns
    previous, item_starts, _ = links
    total = item_starts[-1]
    item_of, sums = np.full(len(item_keys), NO_ENTRY, np.int64), np.zeros(total, np.float64)
    keys, weights = np.empty(total, np.uint64), np.empty(total, np.float32)
    last_touched, last_played = np.empty(total, np.uint32), np.empty(total, np.uint32)
    for u in range(len(starts) - 1):
        first, next_item = starts[u], item_starts[u + 1] - 1
        for i in range(starts[u + 1] - 1, first - 1, -1):
            item = item_of[i]
            if item == NO_ENTRY:
                item, next_item = next_item, next_item - 1
                keys[item], last_touched[item], last_played[item] = item_keys[i], touched[i], played[i]
                sums[item] = values[i]
            else:
                late_s = np.int64(played[i]) - np.int64(last_played[item])
                early_s = late_s if late_s < 0 else np.int64(0)
                if late_s > 0:  # an earlier signal with a later event time: those behind it are older by as much
                    sums[item] *= math.exp2(-late_s * halvings[1])
                    last_played[item] = played[i]
                age = np.int64(last_touched[item]) - np.int64(touched[i])
                sums[item] += values[i] * math.exp2(early_s * halvings[1] - age * halvings[0])
            if previous[i] != NO_ENTRY:
                item_of[first + previous[i]] = item
    for item in range(total):
        weights[item] = min(max(sums[item], -weight_max), weight_max)
    return keys, weights, last_touched, last_played
