"""At which ranks the items that are played stood in the lists that listeners had, for a whole group of plays at once.

The protocol is that of `model/evaluation/prequential.py`: recommend, score, then learn. A play is scored if its item is
new for its listener and the listener had a list. All plays of a group are looked up in the list from before the group,
which the listener had when they were made: the lists that reflect the group are published after it. The popular list
is the one that the listener would have had instead: the most popular items without those that their own list excludes.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from model.arrays import Codes, Counts, Flags, Floats, Keys, Rows, Starts, as_kernel_array, as_own_array
from model.evaluation.rank_metrics import MISS
from model.history import Histories
from model.kernel import kernel
from model.previous_signals import is_against, previous_signals
from model.ragged import RaggedKeys, RaggedMarks

DEPTH = 50
"""A rank beyond it is a miss."""
_UNSCORED = -1


class GroupSignals(NamedTuple):
    """The signals of a group from `n` users, user after user, each one's in order."""

    starts: Starts  # (n + 1,)
    item_keys: Keys  # (p,)
    marks: Counts  # (p,), by which a list remembers the item
    learnt: Flags  # (p,), after which the listener knows the item
    plays: Flags  # (p,), of these, the plays that count as such


class ScoredPlays(NamedTuple):
    """The scored plays of a group."""

    places: Starts  # (s,), which of the signals
    users: Starts  # (s,), whose they are
    own: Starts  # (s,), 1-based ranks in the listener's own list, `MISS` beyond `DEPTH`
    popular: Starts  # (s,), the same in the popular list
    n_items: Starts  # (s,), items of the listener's history, those with signals for and against them counted twice


class PlaceTable(NamedTuple):
    """A hash table of open addressing from an item's key to its place, from 0, among the popular ones."""

    keys: Keys
    places: Rows
    """-1 where the table is empty. Both are as long as each other, a power of two."""
    n_popular: int


def live_ranks(
    signals: GroupSignals,
    histories: Histories,
    known_excluded: RaggedKeys,
    other_excluded: RaggedKeys,
    listed: RaggedMarks,
    popular: PlaceTable,
) -> ScoredPlays:
    """Rank every scored play in the list that its listener had, and in the popular list.

    Args:
        signals: The signals of the group.
        histories: The histories of before: a listener knows their items, and has none of those in a list that they
            have only spoken against.
        known_excluded: Other items of the histories that are in none of their lists.
        other_excluded: Further items that are in none of their lists.
        listed: The lists that they had, best first.
        popular: The most popular items.
    """
    return ScoredPlays(
        *_rank(
            as_own_array(signals.starts, np.int64),
            as_own_array(signals.item_keys, np.uint64),
            as_own_array(signals.marks, np.uint32),
            as_own_array(signals.learnt, np.bool_),
            as_own_array(signals.plays, np.bool_),
            as_own_array(histories.starts, np.int64),
            as_own_array(histories.item_keys, np.uint64),
            as_own_array(histories.values, np.float32),
            as_own_array(known_excluded.starts, np.int64),
            as_own_array(known_excluded.keys, np.uint64),
            as_own_array(other_excluded.starts, np.int64),
            as_own_array(other_excluded.keys, np.uint64),
            as_own_array(listed.starts, np.int64),
            as_own_array(listed.marks, np.uint32),
            *popular,
        )
    )


def place_table(popular: Keys) -> PlaceTable:
    """Return the table of popular items, the first being the most popular.

    Keys are hashes already, so their low bits say where to look first. It stays in a core's cache, where a binary
    search through the keys of a whole catalog, for every item of every history, would not.
    """
    size = 1 << (2 * len(popular) + 1).bit_length()
    keys, places = np.zeros(size, np.uint64), np.full(size, -1, np.int32)
    _fill(as_kernel_array(popular, np.uint64), keys, places)
    return PlaceTable(as_kernel_array(keys, np.uint64), as_kernel_array(places, np.int32), len(popular))


@kernel
def _fill(popular: Keys, keys: Keys, places: Rows) -> None:
    mask = np.uint64(len(keys) - 1)
    for place in range(len(popular)):
        slot = popular[place] & mask
        while places[slot] >= 0:
            slot = (slot + np.uint64(1)) & mask
        keys[slot], places[slot] = popular[place], place


@njit
def _place(keys: Keys, places: Rows, key: int) -> int:
    """Return an item's place among the popular ones, -1 for one that is not among them."""
    mask = np.uint64(len(keys) - 1)
    slot = key & mask
    while places[slot] >= 0:
        if keys[slot] == key:
            return places[slot]  # type: ignore[no-any-return]
        slot = (slot + np.uint64(1)) & mask
    return -1


@njit
def _holds(keys: Keys, key: int) -> bool:
    held = False
    for i in range(len(keys)):
        held |= keys[i] == key  # without a branch, several at a time
    return held


@njit
def _learnt_before(item_keys: Keys, learnt: Flags, first: int, place: int) -> bool:
    """Tell whether an earlier signal of the group has taught its item: an item is new once."""
    again = False
    for j in range(first, place):
        again |= learnt[j] and item_keys[j] == item_keys[place]
    return again


@njit
def _rank_listed(listed: Counts, mark: int) -> int:
    for i in range(min(len(listed), DEPTH)):
        if listed[i] == mark:
            return i + 1
    return MISS


@njit
def _rank_popular(place: int, out: Codes) -> int:
    """Return the rank of a popular item among those that the user may be shown."""
    if place < 0 or out[place]:
        return MISS
    rank = 1
    for i in range(place):
        rank += out[i] == 0
        if rank > DEPTH:
            return MISS
    return rank


@njit
def _mark(unlisted: Keys, keys: Keys, places: Rows, out: Codes, marked: Rows, n_marked: int) -> int:
    """Mark the popular items among unlisted ones as out, and list them in `marked`; return their number."""
    for i in range(len(unlisted)):
        place = _place(keys, places, unlisted[i])
        if place >= 0 and out[place] == 0:
            out[place] = 1
            marked[n_marked] = place
            n_marked += 1
    return n_marked


@njit
def _mark_skipped(
    known: Keys, signals: Floats, keys: Keys, places: Rows, out: Codes, marked: Rows, n_marked: int
) -> int:
    """Mark the popular items that a history only speaks against, and list them; return the number of marked ones."""
    for i in range(len(known)):
        place = _place(keys, places, known[i]) if is_against(signals[i]) else -1
        if place < 0 or out[place] != 0:
            continue
        is_liked = False
        for j in range(len(known)):
            is_liked |= known[j] == known[i] and not is_against(signals[j])
        if not is_liked:
            out[place] = 1
            marked[n_marked] = place
            n_marked += 1
    return n_marked


@kernel
def _rank(
    starts: Starts,
    item_keys: Keys,
    marks: Counts,
    learnt: Flags,
    plays: Flags,
    history_starts: Starts,
    history: Keys,
    values: Floats,
    excluded_starts: Starts,
    excluded: Keys,
    other_starts: Starts,
    other: Keys,
    listed_starts: Starts,
    listed: Counts,
    keys: Keys,
    places: Rows,
    n_popular: int,
) -> tuple[Starts, Starts, Starts, Starts, Starts]:
    """Return the places of scored plays, their users, their ranks in either list, and the items of the users."""
    own, popular = np.full(len(item_keys), _UNSCORED, np.int64), np.empty(len(item_keys), np.int64)
    scored, users, n_scored = np.empty(len(item_keys), np.int64), np.empty(len(item_keys), np.int64), 0
    n_items = np.empty(len(item_keys), np.int64)
    out, marked = np.zeros(n_popular, np.uint8), np.empty(n_popular, np.int32)
    for u in range(len(starts) - 1):
        mine = listed[listed_starts[u] : listed_starts[u + 1]]
        known = history[history_starts[u] : history_starts[u + 1]]
        signals = values[history_starts[u] : history_starts[u + 1]]
        n_popular_scored, n_before = 0, n_scored
        for i in range(starts[u], starts[u + 1]):
            is_known = len(mine) == 0 or not plays[i] or _holds(known, item_keys[i])
            if is_known or _learnt_before(item_keys, learnt, starts[u], i):
                continue
            own[i] = _rank_listed(mine, marks[i])
            popular[i] = _place(keys, places, item_keys[i])
            n_popular_scored += popular[i] >= 0
        n_marked = 0
        if n_popular_scored > 0:
            unlisted = excluded[excluded_starts[u] : excluded_starts[u + 1]]
            n_marked = _mark(unlisted, keys, places, out, marked, n_marked)
            unlisted = other[other_starts[u] : other_starts[u + 1]]
            n_marked = _mark(unlisted, keys, places, out, marked, n_marked)
            n_marked = _mark_skipped(known, signals, keys, places, out, marked, n_marked)
        for i in range(starts[u], starts[u + 1]):
            if own[i] != _UNSCORED:
                scored[n_scored], users[n_scored], own[n_scored] = i, u, own[i]
                popular[n_scored] = _rank_popular(popular[i], out)
                n_scored += 1
        for i in range(n_marked):
            out[marked[i]] = 0
        if n_scored > n_before:
            n_items[n_before:n_scored] = previous_signals(np.array([0, len(known)]), known, signals).item_starts[1]
    return scored[:n_scored], users[:n_scored], own[:n_scored], popular[:n_scored], n_items[:n_scored]
