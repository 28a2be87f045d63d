"""Uncertainty about a listener: the share of variance that their scores have left.

A listener's vector solves `A x = b` with `A = diag(d) + reg I + sum_j c_j y_j y_j'` (`model/solver.py`), which is ridge
regression. Read as Bayes does (Bishop 2006, Pattern Recognition and Machine Learning, eq. 3.53 and 3.59), `A` is the
precision of the vector, so the score of an item `y` has the variance `y' A^-1 y`, up to a factor that all share; before
the first play it is `y' D0^-1 y`, with `D0 = diag(d) + reg0 I`.

Where the regularization grows with the row, an empty row would have none, and a catalog of fewer directions than
factors no finite variance. So `reg0` is that of a row of one play, the least that the objective ever gives: a first
play then takes variance away by its information, and every further one by its information and its regularization.
"""

import numpy as np

from model.arrays import Doubles, Floats, Rows
from model.equations import Equations, Terms
from model.fixed_items import FixedItems

_TINY = 1e-30


def variance_left(equations: Equations, items: FixedItems, prior_regularization: float) -> Floats:
    """Return the share of the scores' variance over the whole catalog that listeners' plays have left.

    The mean of `y' A^-1 y` over all items is `tr(A^-1 G) / n` with their gram `G`, so no item has to be looked at but
    those played: by Woodbury's identity a listener with k of them costs a system of size k.

    Args:
        equations: The systems that the vectors of `n` listeners solve; one without known items has `reg0` there.
        items: The items; `d` is the diagonal of their gram.
        prior_regularization: `reg0`, that of a listener with one play.

    Returns:
        Shares from 0 to 1, shape (n,); 1 for a listener without known items.

    >>> item, ones = np.ones((1, 1), np.float32), np.ones(1, np.float32)
    >>> played = Terms(np.array([0, 1, 1]), np.zeros(1, np.int32), ones, ones)
    >>> equations = Equations(played, np.zeros(2, np.float32), n_liked=np.array([1, 0]))
    >>> variance_left(equations, FixedItems(item, ones), prior_regularization=0.0).tolist()
    [0.5, 1.0]
    """
    gram = np.asarray(items.gram_diagonal, np.float64)
    base = gram + equations.regularization[:, None]
    weighted = _padded(equations.terms.select(equations.terms.rows >= 0), items.factors)
    solved = weighted / base[:, None, :]
    system = np.eye(weighted.shape[1]) + solved @ weighted.transpose(0, 2, 1)
    explained = np.trace(np.linalg.solve(system, (solved * gram) @ solved.transpose(0, 2, 1)), axis1=1, axis2=2)
    prior = (gram / np.maximum(gram + prior_regularization, _TINY)).sum()
    left = ((gram / np.maximum(base, _TINY)).sum(axis=1) - explained) / max(prior, _TINY)
    shares: Floats = np.clip(left, 0.0, 1.0).astype(np.float32)
    return shares


def _padded(known: Terms, item_factors: Floats) -> Doubles:
    """Return `sqrt(c) y` of every listener's known items, shape (n, k, f); zeros pad the shorter ones."""
    users = known.users
    padded = np.zeros((known.n_users, int(known.lengths.max(initial=0)), item_factors.shape[1]))
    scale = np.sqrt(np.asarray(known.confidences, np.float64))
    padded[users, np.arange(len(users)) - known.starts[users]] = item_factors[known.rows] * scale[:, None]
    return padded


def score_variances_plain(rows: Rows, confidences: Floats, items: FixedItems, regularization: float) -> Doubles:
    """Return `y' A^-1 y` of one listener for every item, by inverting `A`: the twin of `variance_left`."""
    y = items.factors[rows[rows >= 0]].astype(np.float64)
    c = confidences[rows >= 0].astype(np.float64)
    a = np.diag(items.gram_diagonal.astype(np.float64) + regularization) + (y.T * c) @ y
    every = items.factors.astype(np.float64)
    return np.asarray(((every @ np.linalg.inv(a)) * every).sum(axis=1))
