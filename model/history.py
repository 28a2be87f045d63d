"""What listeners have played: one decayed value an item, exact and lazy.

A value is what the item's signals are worth as of the play that last touched it, and as of their latest event time;
`weights.decayed` brings it to the present. An entry that no signal touches is never rewritten.

Signals against an item, such as skips, make an entry of their own, with a value below 0: confidence in "no" is no less
confidence in "yes" (`objective.confidences`).
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from model.arrays import Counts, Flags, Floats, Keys, Starts, as_kernel_array


class Histories(NamedTuple):
    """Histories of n users, one after the other; each ordered by the play that last touched an entry."""

    starts: Starts  # (n + 1,): the history of user u is starts[u]:starts[u + 1]
    item_keys: Keys  # (h,), each once in a history, or twice: with a value above and one below 0
    values: Floats  # (h,), decayed weights as of `touched_at_play` and `last_played_s`
    touched_at_play: Counts  # (h,), the user's plays when an entry was last touched, ascending in a history
    last_played_s: Counts  # (h,), latest event time, seconds since 1970


class Plays(NamedTuple):
    """New plays, and other signals, of the same n users, each user's in order."""

    starts: Starts  # (n + 1,)
    item_keys: Keys  # (p,)
    weights: Floats  # (p,), what each is worth before any decay; below 0: against the item
    played_at_s: Counts  # (p,), seconds since 1970
    counted: Flags | None = None  # (p,), which are plays, by which age is counted; all of them if left out


Entries = tuple[Keys, Floats, Counts, Counts]  # the columns of a history: keys, values, touched at, last played
Old = tuple[Starts, Keys, Floats, Counts, Counts]
New = tuple[Starts, Keys, Floats, Counts, Flags]
Decay = tuple[float, float]  # halvings a play, halvings a second


def add_plays(
    histories: Histories,
    plays_so_far: Counts,
    plays: Plays,
    history_max: int,
    half_life_plays: float,
    half_life_s: float = np.inf,
    value_max: float = np.inf,
) -> tuple[Histories, Counts]:
    """Add plays to the histories of their users.

    An item that is known already gets its value decayed to the present, raised by the play's weight, and the last
    place; a new one is appended. Over `history_max` the entry that was touched longest ago is dropped. The result does
    not depend on how the plays are split into calls, bit for bit; nor, but for rounding, the decay by time on their
    order.

    Args:
        histories: Histories of n users.
        plays_so_far: Plays each user had made before, shape (n,).
        plays: New plays of the same users.
        history_max: Most entries of a history.
        half_life_plays: Plays after which a play counts half; infinite for no decay.
        half_life_s: Seconds of event time after which a play counts half; infinite for no decay.
        value_max: Most that an entry is worth.

    Returns:
        The new histories, and the plays each user has made by now.
    """
    plays_now = np.array(plays_so_far, np.uint32)
    decay = 1.0 / half_life_plays, 1.0 / half_life_s
    found = _add_plays(_old(histories), _new(plays), plays_now, int(history_max), decay, float(value_max))
    starts, n, entries = found
    item_keys, values, touched, played = entries
    return Histories(starts, item_keys[:n], values[:n], touched[:n], played[:n]), plays_now


def add_plays_plain(
    histories: Histories,
    plays_so_far: Counts,
    plays: Plays,
    history_max: int,
    half_life_plays: float,
    half_life_s: float = np.inf,
    value_max: float = np.inf,
) -> tuple[Histories, Counts]:
    """Do the same as `add_plays` in plain Python: what the kernel is tested against."""
    plays_now, entries, starts = plays_so_far.copy(), [], [0]
    for u in range(len(plays_now)):
        old = slice(histories.starts[u], histories.starts[u + 1])
        columns = [column[old].tolist() for column in histories[1:]]
        history = {(key, _against(entry[0])): tuple(entry) for key, *entry in zip(*columns, strict=True)}
        new = slice(plays.starts[u], plays.starts[u + 1])
        for key, weight, played_s, counted in zip(*(column[new].tolist() for column in _new(plays)[1:]), strict=True):
            plays_now[u] += counted
            now = int(plays_now[u])
            value, touched, last_s = history.pop((key, _against(weight)), (0.0, now, played_s))
            as_of_s = max(last_s, played_s)
            value *= math.exp2((touched - now) * (1.0 / half_life_plays) + (last_s - as_of_s) * (1.0 / half_life_s))
            value += weight * math.exp2((played_s - as_of_s) * (1.0 / half_life_s))
            value = float(np.float32(min(max(value, -value_max), value_max)))
            history[key, _against(weight)] = value, now, as_of_s
            while len(history) > history_max:
                del history[next(iter(history))]
        entries += [(key, *entry) for (key, _), entry in history.items()]
        starts.append(len(entries))
    types = [column.dtype for column in histories[1:]]
    columns = [np.array([entry[i] for entry in entries], t) for i, t in enumerate(types)]
    return Histories(np.array(starts, np.int64), *columns), plays_now


def _old(histories: Histories) -> Old:
    """Return histories in the form that the kernel is compiled for."""
    return (
        as_kernel_array(histories.starts, np.int64),
        as_kernel_array(histories.item_keys, np.uint64),
        as_kernel_array(histories.values, np.float32),
        as_kernel_array(histories.touched_at_play, np.uint32),
        as_kernel_array(histories.last_played_s, np.uint32),
    )


def _new(plays: Plays) -> New:
    """Return plays in the form that the kernel is compiled for."""
    return (
        as_kernel_array(plays.starts, np.int64),
        as_kernel_array(plays.item_keys, np.uint64),
        as_kernel_array(plays.weights, np.float32),
        as_kernel_array(plays.played_at_s, np.uint32),
        as_kernel_array(np.ones(len(plays.item_keys)) if plays.counted is None else plays.counted, np.bool_),
    )


@njit
def _against(weight: float) -> bool:
    """Tell whether a weight is of signals against an item; a sign outlives what decay leaves of it."""
    return math.copysign(1.0, weight) < 0


@njit
def _find(item_keys: Keys, values: Floats, head: int, tail: int, key: int, weight: float) -> int:
    """Return where a key stands with a value of a weight's sign, the latest places first, or -1."""
    for i in range(tail - 1, head - 1, -1):
        if item_keys[i] == key and _against(values[i]) == _against(weight):
            return i
    return -1


@njit
def _remove(entries: Entries, i: int, tail: int) -> None:
    """Close the gap that the entry at `i` leaves."""
    item_keys, values, touched, played = entries
    for j in range(i, tail - 1):
        item_keys[j], values[j] = item_keys[j + 1], values[j + 1]
        touched[j], played[j] = touched[j + 1], played[j + 1]


@njit
def _copy(source: Entries, start: int, end: int, target: Entries, at: int) -> None:
    """Copy the entries start:end of `source` to `at` in `target`, which may be the same arrays further left."""
    for i in range(end - start):
        target[0][at + i], target[1][at + i] = source[0][start + i], source[1][start + i]
        target[2][at + i], target[3][at + i] = source[2][start + i], source[3][start + i]


@njit
def _play(
    entries: Entries,
    head: int,
    tail: int,
    play: tuple[int, float, int],
    now: int,
    decay: Decay,
    value_max: float,
) -> int:
    """Add one play to the history at head:tail and return its new tail."""
    item_keys, values, touched, played = entries
    key, weight, played_s = play
    value, as_of_s = 0.0, played_s
    found = _find(item_keys, values, head, tail, key, weight)
    if found >= 0:
        as_of_s = max(played[found], played_s)
        plays, seconds = np.int64(touched[found]) - np.int64(now), np.int64(played[found]) - np.int64(as_of_s)
        value = values[found] * math.exp2(plays * decay[0] + seconds * decay[1])
        _remove(entries, found, tail)
        tail -= 1
    value += weight * math.exp2((np.int64(played_s) - np.int64(as_of_s)) * decay[1])
    item_keys[tail], values[tail] = key, np.float32(min(max(value, -value_max), value_max))
    touched[tail], played[tail] = now, as_of_s
    return tail + 1


@njit(nogil=True, cache=True)
def _add_plays(
    old: Old, new: New, plays_now: Counts, history_max: int, decay: Decay, value_max: float
) -> tuple[Starts, int, Entries]:
    """Write every history into one run of memory, user after user; return starts, length and entries."""
    new_starts, new_keys, new_weights, new_played, counted = new
    n, capacity = len(plays_now), len(old[1]) + len(new_keys)
    entries = (
        np.empty(capacity, np.uint64),
        np.empty(capacity, np.float32),
        np.empty(capacity, np.uint32),
        np.empty(capacity, np.uint32),
    )
    starts = np.zeros(n + 1, np.int64)
    for u in range(n):
        head = starts[u]
        tail = head + old[0][u + 1] - old[0][u]
        _copy(old[1:], old[0][u], old[0][u + 1], entries, head)
        for i in range(new_starts[u], new_starts[u + 1]):
            plays_now[u] += counted[i]
            play = new_keys[i], new_weights[i], new_played[i]
            tail = _play(entries, head, tail, play, plays_now[u], decay, value_max)
            head = max(head, tail - history_max)
        if head > starts[u]:
            _copy(entries, head, tail, entries, starts[u])
        starts[u + 1] = starts[u] + tail - head
    return starts, starts[n], entries
