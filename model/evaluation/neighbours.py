"""Lists by co-occurrence: items that stand near a listener's last plays in other listeners' plays.

Every play is learnt when it is made. If a listener plays item j for the first time, and played item i last `d` plays
ago, `C[i, j]` and `C[j, i]` grow by `2^(-d / window)`. An item's score is the sum of
`2^(-age / half_life) C[i, j] / sqrt(n_i n_j)` over the items i of the listener's history, where `age` is in the
listener's plays, and `n` counts all plays of an item so far. A repeat counts for `age` and `n` alone: two items that
a listener plays over and over are counted as near once.

Of a small catalog all pairs are kept; of a larger one every item keeps a bounded number of neighbours, and a newcomer
takes the place of the weakest.
"""

import math
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numba import njit

from model.arrays import Flags, Floats, Rows, Starts, as_kernel_array
from model.evaluation.event_log import Split
from model.evaluation.next_item_ranks import finite_ranks, rank_new
from model.evaluation.rank_metrics import MISS, ranks_of
from model.kernel import kernel

PAIRS_MAX = 1 << 27
"""Pairs that are all kept, at most: 512 MB, of 11,585 items."""
WIDTH = 500
"""Neighbours that an item of a larger catalog keeps: 4 kB an item."""


@dataclass(frozen=True, slots=True)
class Nearness:
    """The hyperparameters."""

    window_plays: float = 20.0
    """Plays between two items after which they count half as near; infinite: all of a history is near."""
    half_life_plays: float = 5.0
    """The listener's own plays after which a play counts half."""


def neighbour_ranks(split: Split, nearness: Nearness, width: int | None = None) -> Starts:
    """Learn all events in the order of time, and rank the item of every scored one before it is learnt.

    Args:
        split: The events; those of the training are learnt as the others are. Items outside of it are not learnt.
        nearness: The hyperparameters.
        width: Neighbours that an item keeps; if left out, all in a small catalog and `WIDTH` in a larger one.

    Returns:
        1-based ranks, `MISS` for an item outside the training; in the order of time.
    """
    order = np.argsort(split.places)
    ranks = np.full(len(order), MISS, np.int64)
    columns = order, split.starts[split.users], split.rows, split.new, split.scored, _next_plays(split)
    decays = 1.0 / nearness.window_plays, 1.0 / nearness.half_life_plays
    _walk(*(as_kernel_array(column, column.dtype) for column in columns), *decays, *_space(split.n_items, width), ranks)
    return finite_ranks(ranks[order][split.scored[order]])


def neighbour_ranks_plain(split: Split, nearness: Nearness, width: int | None = None) -> Starts:
    """Do the same with dictionaries: the reference for `neighbour_ranks`.

    Both round every number at the same place, so their ranks are equal on any processor.
    """
    width = width or split.n_items
    strengths: list[dict[int, np.float32]] = [{} for _ in range(split.n_items)]
    plays, ages = np.zeros(split.n_items, np.int64), defaultdict[int, dict[int, int]](dict)
    ranks = []
    for event in np.argsort(split.places):
        user, row = int(split.users[event]), int(split.rows[event])
        # The age in plays of every known item, from its latest play.
        history = {item: int(event) - at for item, at in ages[user].items()}
        if split.scored[event]:
            scores = _scores_plain(history, strengths, plays, nearness)
            known = np.array(list(history), np.int32)
            ranks.append(ranks_of(scores[None], np.array([0, len(known)]), known, split.rows[event : event + 1])[0])
        if row < 0:
            continue
        for item, distance in history.items() if row not in history else ():
            for one, other in ((item, row), (row, item)):
                _add_plain(strengths[one], other, math.exp2(-distance * (1.0 / nearness.window_plays)), width)
        ages[user].pop(row, None)
        ages[user][row] = int(event)
        plays[row] += 1
    return np.array(ranks, np.int64)


def _scores_plain(
    history: dict[int, int], strengths: list[dict[int, np.float32]], plays: Starts, nearness: Nearness
) -> Floats:
    """Score all items."""
    scores = np.zeros(len(plays), np.float32)
    for item, age in history.items():
        weight = np.float32(math.exp2(-age * (1.0 / nearness.half_life_plays)) / np.sqrt(plays[item]))
        for other, strength in strengths[item].items():
            scores[other] += weight * strength
    roots: Floats = np.sqrt(np.maximum(plays, 1)).astype(np.float32)
    return scores / roots


def _add_plain(neighbours: dict[int, np.float32], item: int, worth: float, width: int) -> None:
    """Add to a neighbour, which may have to take the place of the weakest, of equals the lowest row."""
    if item not in neighbours and len(neighbours) == width:
        del neighbours[min(neighbours, key=lambda other: (neighbours[other], other))]
    neighbours[item] = np.float32(neighbours.get(item, np.float32(0)) + worth)


def _next_plays(split: Split) -> Starts:
    """Return where the listener's next play of the same item is, for every play; the number of all plays if none."""
    n = len(split.items)
    order = np.lexsort((np.arange(n), split.items, split.users))
    users, items = split.users[order], split.items[order]
    again = (users[1:] == users[:-1]) & (items[1:] == items[:-1])
    following = np.full(n, n, np.int64)
    following[order[:-1][again]] = order[1:][again]
    return following


def _space(n_items: int, width: int | None) -> tuple[Rows, Floats]:
    """Return neighbours' rows, -1 for none, and strengths, shape (n_items, width); no rows where all pairs are kept."""
    if width is None:
        width = n_items if n_items * n_items <= PAIRS_MAX else WIDTH
    width = min(width, n_items)
    rows = np.full((n_items if width < n_items else 0, width), -1, np.int32)
    return rows, np.zeros((n_items, width), np.float32)


@kernel
def _walk(
    order: Starts,
    firsts: Starts,
    rows: Rows,
    new: Flags,
    scored: Flags,
    following: Starts,
    window_decay: float,
    age_decay: float,
    neighbours: Rows,
    strengths: Floats,
    ranks: Starts,
) -> None:
    """Walk all events in time; `ranks` gets that of every scored one."""
    plays, scores = np.zeros(len(strengths), np.int64), np.empty(len(strengths), np.float32)
    for i in order:
        if rows[i] < 0:
            continue
        history = firsts[i], i, rows, following
        if scored[i]:
            _score(history, age_decay, neighbours, strengths, plays, scores)
            ranks[i] = rank_new(scores, rows, new, firsts[i], i)
        if new[i]:
            _learn(history, window_decay, neighbours, strengths)
        plays[rows[i]] += 1


@njit
def _score(
    history: tuple[int, int, Rows, Starts],
    decay: float,
    neighbours: Rows,
    strengths: Floats,
    plays: Starts,
    scores: Floats,
) -> None:
    """Score all items by the history before a play: the latest play of every item since the listener's first."""
    first, play, rows, following = history
    scores[:] = 0
    for p in range(first, play):
        if rows[p] < 0 or following[p] < play:
            continue
        weight = np.float32(math.exp2((p - play) * decay) / np.sqrt(plays[rows[p]]))
        strength = strengths[rows[p]]
        if len(neighbours) == 0:
            for j in range(len(scores)):
                scores[j] += weight * strength[j]
        else:
            for k in range(len(strength)):
                if neighbours[rows[p], k] >= 0:
                    scores[neighbours[rows[p], k]] += weight * strength[k]
    for j in range(len(scores)):
        scores[j] /= np.float32(np.sqrt(max(plays[j], 1)))


@njit
def _learn(history: tuple[int, int, Rows, Starts], decay: float, neighbours: Rows, strengths: Floats) -> None:
    """Bring an item that is new to its listener and all items of the history nearer to each other."""
    first, play, rows, following = history
    j = rows[play]
    for p in range(first, play):
        i = rows[p]
        if i < 0 or following[p] < play:
            continue
        worth = math.exp2((p - play) * decay)
        if len(neighbours) == 0:
            strengths[i, j] += worth
            strengths[j, i] += worth
        else:
            strengths[i, _place(neighbours[i], strengths[i], j)] += worth
            strengths[j, _place(neighbours[j], strengths[j], i)] += worth


@njit
def _place(neighbours: Rows, strengths: Floats, item: int) -> int:
    """Return where an item stands among the neighbours of another, or where it may stand: the weakest leaves."""
    at = 0
    for k in range(len(neighbours)):
        if neighbours[k] == item:
            return k
        if neighbours[k] < 0:
            at = k
            break
        if (strengths[k], neighbours[k]) < (strengths[at], neighbours[at]):
            at = k
    neighbours[at], strengths[at] = item, 0
    return at
