"""Vectors that learn from every play by a step of gradient descent: the classic of streams, to compare with.

ISGD (Vinagre, Jorge and Gama 2014, Fast incremental matrix factorization for recommendation with positive-only
feedback): every play is an example of the target 1, and there are no others. Vectors begin as draws from N(0, 0.1),
and a list holds the items whose scores lie nearest to 1.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit

from model.arrays import Doubles, Flags, Floats, Rows, Starts, as_kernel_array
from model.evaluation.event_log import Split
from model.evaluation.next_item_ranks import finite_ranks, rank_new
from model.evaluation.rank_metrics import MISS
from model.kernel import kernel

_SPREAD = 0.1


@dataclass(frozen=True, slots=True)
class Isgd:
    """The hyperparameters."""

    factors: int = 64
    learn_rate: float = 0.05
    regularization: float = 0.01


def isgd_ranks(split: Split, setting: Isgd, rng: np.random.Generator) -> Starts:
    """Learn all events in the order of time, and rank the item of every scored one before it is learnt.

    Args:
        split: The events; those of the training are learnt as the others are. Items outside of it are not learnt.
        setting: The hyperparameters.
        rng: Source of the first vectors.

    Returns:
        1-based ranks, `MISS` for an item outside the training; in the order of time.

    Raises:
        QualityError: A score is not finite: the learn rate is too high.
    """
    users, items = _first_vectors(split, setting, rng)
    order = np.argsort(split.places)
    ranks = np.full(len(order), MISS, np.int64)
    columns = order, split.starts[split.users], split.users, split.rows, split.new, split.scored
    _walk(
        *(as_kernel_array(column, column.dtype) for column in columns),
        setting.learn_rate,
        setting.regularization,
        users,
        items,
        ranks,
    )
    return finite_ranks(ranks[order][split.scored[order]])


def isgd_scores_plain(split: Split, setting: Isgd, rng: np.random.Generator) -> Doubles:
    """Follow the paper's algorithm 2 in double precision: the reference for `isgd_ranks`.

    Returns:
        The scores of all items before every scored event, in the order of time, shape (n, n_items).
    """
    users, items = (vectors.astype(np.float64) for vectors in _first_vectors(split, setting, rng))
    scores = []
    for event in np.argsort(split.places):
        user, row = split.users[event], split.rows[event]
        if split.scored[event]:
            scores.append(-np.abs(1 - items @ users[user]))
        if row >= 0:
            error = 1 - users[user] @ items[row]
            users[user] += setting.learn_rate * (error * items[row] - setting.regularization * users[user])
            items[row] += setting.learn_rate * (error * users[user] - setting.regularization * items[row])
    return np.array(scores)


def _first_vectors(split: Split, setting: Isgd, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Draw vectors for all users and items."""
    n_users = len(split.starts) - 1
    drawn = rng.normal(0, _SPREAD, (n_users + split.n_items, setting.factors)).astype(np.float32)
    return drawn[:n_users].copy(), drawn[n_users:].copy()


@kernel
def _walk(
    order: Starts,
    firsts: Starts,
    users: Starts,
    rows: Rows,
    new: Flags,
    scored: Flags,
    learn_rate: float,
    regularization: float,
    user_vectors: Floats,
    item_vectors: Floats,
    ranks: Starts,
) -> None:
    """Walk all events in time; `ranks` gets that of every scored one."""
    scores = np.empty(len(item_vectors), np.float32)
    for i in order:
        if rows[i] < 0:
            continue
        x, y = user_vectors[users[i]], item_vectors[rows[i]]
        if scored[i]:
            np.dot(item_vectors, x, scores)
            for j in range(len(scores)):
                scores[j] = -abs(np.float32(1) - scores[j])
            ranks[i] = rank_new(scores, rows, new, firsts[i], i)
        _step(x, y, learn_rate, regularization)


@njit
def _step(x: Floats, y: Floats, learn_rate: float, regularization: float) -> None:
    """Bring the product of two vectors nearer to 1: the user's first, then the item's, as the paper has it."""
    error = 1.0
    for a in range(len(x)):
        error -= x[a] * y[a]
    for a in range(len(x)):
        x[a] += learn_rate * (error * y[a] - regularization * x[a])
        y[a] += learn_rate * (error * x[a] - regularization * y[a])
