"""Quality of lists, from the ranks of the items that were played next."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from model.arrays import Doubles, Floats, Rows, Starts, lengths_of

_Z = 1.959963984540054  # 95 % of a normal distribution lie within so many standard deviations
MISS = 0  # the rank of an item that is in no list
HISTORY_KINDS: dict[str, tuple[float, float]] = {"new": (1, 4), "few": (5, 19), "many": (20, math.inf)}
"""Kinds of listeners, by the items that they knew before a play."""
_KIND_BOUNDS = np.array([low for low, _ in HISTORY_KINDS.values()][1:])


class Interval(NamedTuple):
    """An estimate with its 95 % interval."""

    value: float
    low: float
    high: float


class QualityError(ValueError):
    """Impossible figures, such as a rank outside the catalog or a score that is not a number.

    A diverged generation looks excellent to a careless evaluation. Do not publish it; train it again.
    """


def history_kinds(lengths: ArrayLike) -> Starts:
    """Return the kind of each history, its place in `HISTORY_KINDS`, from its number of items; an empty one is `new`.

    >>> history_kinds([0, 4, 5, 19, 20]).tolist()
    [0, 0, 1, 1, 2]
    """
    kinds: Starts = _KIND_BOUNDS.searchsorted(lengths, side="right")
    return kinds


def hit_rate(ranks: ArrayLike, k: int, n_items: int) -> Interval:
    """Return the share of events whose item stood among the first `k`, with Wilson's interval (1927).

    Args:
        ranks: 1-based ranks, `MISS` for an item that was not ranked.
        k: Length of the list.
        n_items: Size of the catalog, the last possible rank.

    Raises:
        QualityError: A rank is impossible, or there is none.

    >>> hit_rate([1, 20, 21, 0], k=20, n_items=100).value
    0.5
    """
    checked = check_ranks(ranks, n_items)
    return share_of(int(((checked != MISS) & (checked <= k)).sum()), len(checked))


def share_of(hits: int, n: int) -> Interval:
    """Return the share of hits among `n`, at least one, with Wilson's interval (1927)."""
    p = hits / n
    spread = _Z * math.sqrt(p * (1 - p) / n + _Z * _Z / (4 * n * n))
    centre, scale = p + _Z * _Z / (2 * n), 1 + _Z * _Z / n
    return Interval(p, max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale))


def mean_reciprocal_rank(ranks: ArrayLike, k: int, n_items: int) -> Interval:
    """Return the mean of 1 / rank over all events, ranks beyond `k` counting nothing, with a normal interval.

    Args:
        ranks: 1-based ranks, `MISS` for an item that was not ranked.
        k: Length of the list.
        n_items: Size of the catalog, the last possible rank.

    Raises:
        QualityError: A rank is impossible, or there is none.

    >>> mean_reciprocal_rank([1, 4, 21, 0], k=20, n_items=100).value
    0.3125
    """
    checked = check_ranks(ranks, n_items)
    hit = (checked != MISS) & (checked <= k)
    reciprocals = np.where(hit, 1.0 / np.maximum(checked, 1), 0.0)
    mean = float(reciprocals.mean())
    spread = _Z * float(reciprocals.std()) / math.sqrt(len(reciprocals))
    return Interval(mean, max(0.0, mean - spread), min(1.0, mean + spread))


def mean_of(values: Doubles, counts: Starts) -> Interval:
    """Return the mean of values that occur so often, once at least in all, with a normal interval.

    >>> mean_of(np.array([0.0, 1.0]), np.array([3, 1])).value
    0.25
    """
    n = counts.sum()
    mean = float(values @ counts / n)
    spread = _Z * math.sqrt(float((values - mean) ** 2 @ counts / n) / n)
    return Interval(mean, max(0.0, mean - spread), min(1.0, mean + spread))


def check_ranks(ranks: ArrayLike, n_items: int) -> Starts:
    """Return ranks as integers.

    Raises:
        QualityError: A rank is impossible, or there is none.
    """
    checked = np.asarray(ranks, np.int64)
    if not len(checked):
        message = "There are no ranks to judge; give more events."
        raise QualityError(message)
    wrong = (checked < 0) | (checked > n_items)
    if wrong.any():
        message = f"A rank of {checked[wrong][0]} is impossible among {n_items} items; the ranking is broken."
        raise QualityError(message)
    return checked


def ranks_of(scores: Floats, starts: Starts, known_rows: Rows, played_rows: Rows) -> Starts:
    """Rank one played item a user among all items that the user does not know.

    An item that ties with others takes the middle of their places, so equal scores are no way to the top.

    Args:
        scores: Scores of all items, shape (n_users, n_items).
        starts: Compressed rows of `known_rows`, shape (n_users + 1,).
        known_rows: Item rows that are left out; -1 is ignored.
        played_rows: The item to rank, shape (n_users,); -1 for one outside the catalog.

    Returns:
        1-based ranks, shape (n_users,), `MISS` where the played item is outside the catalog.

    Raises:
        QualityError: A score is not finite.
    """
    if not np.isfinite(scores).all():
        message = "A score is not a finite number; the generation that made it has diverged."
        raise QualityError(message)
    users = np.arange(len(played_rows))
    played: Doubles = np.where(played_rows >= 0, scores[users, played_rows], np.inf)[:, None]
    above, level = scores > played, scores == played
    user_of, known = np.repeat(users, lengths_of(starts)), known_rows >= 0
    above[user_of[known], known_rows[known]] = False
    level[user_of[known], known_rows[known]] = False
    ranks = 1 + above.sum(1) + np.maximum(level.sum(1) - 1, 0) // 2
    return np.where(played_rows >= 0, ranks, MISS).astype(np.int64)


def paired_bootstrap(
    candidate: ArrayLike, serving: ArrayLike, rng: np.random.Generator, resamples: int = 2000
) -> Interval:
    """Return how much better the candidate is on average, with a 95 % percentile interval.

    Pairs are drawn with replacement (Efron and Tibshirani 1993, An Introduction to the Bootstrap, ch. 13), so an event
    that is hard for both counts for neither.

    Args:
        candidate: An outcome a pair, such as 1 for a hit and 0 for a miss, shape (n,).
        serving: The other outcome of the same pairs, shape (n,).
        rng: Source of the draws.
        resamples: Draws of n pairs.

    Raises:
        QualityError: There are no pairs, or one side has more.

    >>> paired_bootstrap([1, 1, 0, 1], [0, 0, 0, 0], np.random.default_rng(0)).value
    0.75
    """
    ours, theirs = np.asarray(candidate, np.float64), np.asarray(serving, np.float64)
    if ours.shape != theirs.shape or not ours.size:
        message = f"Outcomes are compared in pairs, but there are {ours.size} and {theirs.size}."
        raise QualityError(message)
    differences = ours - theirs
    # Equal differences are drawn as one: the sum over a draw is that of a multinomial count of each.
    values, counts = np.unique(differences, return_counts=True)
    draws = rng.multinomial(len(differences), counts / len(differences), resamples)
    means = draws @ values / len(differences)
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(float(differences.mean()), float(low), float(high))
