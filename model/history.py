"""The stored signals of listeners, without any decay.

An entry is one signal with its undecayed weight. A half-life is applied when a history is read
(`model/item_weights.py`), so a history is the same under every generation, and another half-life needs no rewriting.

A signal against an item, such as a skip, has a weight below 0. Repeats of an item are the signals with its key and the
same sign.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from model.arrays import Counts, Flags, Floats, Keys, Starts, as_own_array
from model.kernel import kernel
from model.previous_signals import NO_ENTRY, is_against, previous_signals


class Histories(NamedTuple):
    """Histories of n users, one after the other; each in the order in which its signals came."""

    starts: Starts  # (n + 1,): the history of user u is starts[u]:starts[u + 1]
    item_keys: Keys  # (h,)
    values: Floats  # (h,), undecayed weights; below 0 for signals against an item
    touched_at_play: Counts  # (h,), the user's plays when a signal came, ascending in a history
    last_played_s: Counts  # (h,), the signal's event time, seconds since 1970


class Plays(NamedTuple):
    """New plays, and other signals, of the same n users, each user's in order."""

    starts: Starts  # (n + 1,)
    item_keys: Keys  # (p,)
    weights: Floats  # (p,), undecayed; below 0: against the item
    played_at_s: Counts  # (p,), seconds since 1970
    counted: Flags | None = None  # (p,), True for plays, which count for ages; all of them if left out


Entries = tuple[Keys, Floats, Counts, Counts]  # the columns of a history: keys, values, touched at, last played


def add_plays(histories: Histories, plays_so_far: Counts, plays: Plays, history_max: int) -> tuple[Histories, Counts]:
    """Append plays to the histories of their users.

    Over `history_max` the oldest entry that a later one repeats is dropped; without any repeat, the oldest entry. So a
    repeat never costs a known item. The result does not depend on how the plays are split into calls, bit for bit.

    Args:
        histories: Histories of n users.
        plays_so_far: Plays each user had made before, shape (n,).
        plays: New plays of the same users.
        history_max: Most entries of a history. A longer one, which a larger limit has left, is cut by its next play.

    Returns:
        The new histories, and the plays each user has made by now.
    """
    plays_now = np.array(plays_so_far, np.uint32)
    counted = np.ones(len(plays.item_keys), np.bool_) if plays.counted is None else plays.counted
    starts, *entries = _add_plays(
        as_own_array(histories.starts, np.int64),
        as_own_array(histories.item_keys, np.uint64),
        as_own_array(histories.values, np.float32),
        as_own_array(histories.touched_at_play, np.uint32),
        as_own_array(histories.last_played_s, np.uint32),
        as_own_array(plays.starts, np.int64),
        as_own_array(plays.item_keys, np.uint64),
        as_own_array(plays.weights, np.float32),
        as_own_array(plays.played_at_s, np.uint32),
        as_own_array(counted, np.bool_),
        plays_now,
        int(history_max),
    )
    return Histories(starts, *entries), plays_now


def add_plays_plain(
    histories: Histories, plays_so_far: Counts, plays: Plays, history_max: int
) -> tuple[Histories, Counts]:
    """Compute `add_plays` in plain Python, as the reference of the kernel's tests."""
    plays_now, entries, starts = plays_so_far.copy(), [], [0]
    for u in range(len(plays_now)):
        old = slice(histories.starts[u], histories.starts[u + 1])
        history = [*zip(*(column[old].tolist() for column in histories[1:]), strict=True)]
        new = slice(plays.starts[u], plays.starts[u + 1])
        every = np.ones(len(plays.item_keys), np.bool_) if plays.counted is None else plays.counted
        columns_of = (column[new].tolist() for column in (*plays[1:4], every))
        for key, weight, played_s, counted in zip(*columns_of, strict=True):
            plays_now[u] += counted
            history.append((key, weight, int(plays_now[u]), played_s))
            while len(history) > history_max:
                items = [(entry[0], is_against(entry[1])) for entry in history]
                repeated = (i for i, item in enumerate(items) if item in items[i + 1 :])
                del history[next(repeated, 0)]
        entries += history
        starts.append(len(entries))
    types = [column.dtype for column in histories[1:]]
    columns: list[Any] = [np.array([entry[i] for entry in entries], t) for i, t in enumerate(types)]
    return Histories(np.array(starts, np.int64), *columns), plays_now


@njit
def _copy(source: Entries, start: int, end: int, target: Entries, at: int) -> None:
    """Copy the entries start:end of `source` to `at` in `target`, which may be the same arrays further left."""
    for i in range(end - start):
        target[0][at + i], target[1][at + i] = source[0][start + i], source[1][start + i]
        target[2][at + i], target[3][at + i] = source[2][start + i], source[3][start + i]


@njit
def _dropped(item_keys: Keys, values: Floats, n_old: int, history_max: int) -> Flags:
    """Return which entries of one history are dropped if those behind the first `n_old` come one by one.

    Every entry before `first_open` is dropped, or not repeated so far. So only a new signal can repeat one of them,
    and that one is dropped at once. Hence `first_open` and `oldest` never move back, and the whole takes O(n).
    """
    n = len(item_keys)
    previous = previous_signals(np.array([0, n]), item_keys, values).previous
    dropped, repeated = np.zeros(n, np.bool_), np.zeros(n, np.bool_)
    n_left, first_open, oldest = 0, 0, 0
    for i in range(n):
        n_left += 1
        if previous[i] != NO_ENTRY:
            repeated[previous[i]] = True
        while i >= n_old and n_left > history_max:
            drop = previous[i] if previous[i] < first_open else NO_ENTRY
            if drop != NO_ENTRY and dropped[drop]:
                drop = NO_ENTRY
            while drop == NO_ENTRY and first_open < i:
                if repeated[first_open] and not dropped[first_open]:
                    drop = first_open
                first_open += 1
            while drop == NO_ENTRY and dropped[oldest]:
                oldest += 1
            dropped[oldest if drop == NO_ENTRY else drop] = True
            n_left -= 1
    return dropped


@kernel
def _add_plays(
    old_starts: Starts,
    old_keys: Keys,
    old_values: Floats,
    old_touched: Counts,
    old_played: Counts,
    new_starts: Starts,
    new_keys: Keys,
    new_weights: Floats,
    new_played: Counts,
    counted: Flags,
    plays_now: Counts,
    history_max: int,
) -> tuple[Starts, Keys, Floats, Counts, Counts]:
    """Write every history into one run of memory, user after user; return the columns of the histories."""
    n, capacity = len(plays_now), len(old_keys) + len(new_keys)
    item_keys, values = np.empty(capacity, np.uint64), np.empty(capacity, np.float32)
    touched, played = np.empty(capacity, np.uint32), np.empty(capacity, np.uint32)
    old, entries = (old_keys, old_values, old_touched, old_played), (item_keys, values, touched, played)
    starts = np.zeros(n + 1, np.int64)
    for u in range(n):
        head, n_old = starts[u], old_starts[u + 1] - old_starts[u]
        tail = head + n_old
        _copy(old, old_starts[u], old_starts[u + 1], entries, head)
        for i in range(new_starts[u], new_starts[u + 1]):
            plays_now[u] += counted[i]
            item_keys[tail], values[tail] = new_keys[i], new_weights[i]
            touched[tail], played[tail] = plays_now[u], new_played[i]
            tail += 1
        if tail - head > history_max and tail - head > n_old:
            dropped, end = _dropped(item_keys[head:tail], values[head:tail], n_old, history_max), tail
            tail = head
            for i in range(end - head):
                if not dropped[i]:
                    _copy(entries, head + i, head + i + 1, entries, tail)
                    tail += 1
        starts[u + 1] = tail
    end = starts[n]
    return starts, item_keys[:end], values[:end], touched[:end], played[:end]
