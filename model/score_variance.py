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
from numba import njit

from model.arrays import Doubles, Floats, Rows, Starts, as_kernel_array
from model.equations import Equations
from model.fixed_items import FixedItems
from model.kernel import kernel

_TINY = 1e-30


def variance_left(equations: Equations, items: FixedItems, prior_regularization: float) -> Floats:
    """Return the share of the scores' variance over the whole catalog that listeners' plays have left.

    The mean of `y' A^-1 y` over all items is `tr(A^-1 G) / n` with their gram `G`, so no item has to be looked at but
    those played. By Woodbury's identity a listener with k of them costs a system of size k; one with more of them than
    factors, a system of the size of a vector.

    Args:
        equations: The systems that the vectors of `n` listeners solve; one without known items has `reg0` there.
        items: The items; `d` is the diagonal of their gram.
        prior_regularization: `reg0`, that of a listener with one play.

    Returns:
        Shares from 0 to 1, shape (n,); 1 for a listener without known items.

    >>> from model.equations import Terms
    >>> item, ones = np.ones((1, 1), np.float32), np.ones(1, np.float32)
    >>> played = Terms(np.array([0, 1, 1]), np.zeros(1, np.int32), ones, ones)
    >>> equations = Equations(played, np.zeros(2, np.float32), n_liked=np.array([1, 0]))
    >>> variance_left(equations, FixedItems(item, ones), prior_regularization=0.0).tolist()
    [0.5, 1.0]
    """
    terms = equations.terms
    left: Floats = _variance_left(
        as_kernel_array(terms.starts, np.int64),
        as_kernel_array(terms.rows, np.int32),
        as_kernel_array(terms.confidences, np.float32),
        as_kernel_array(items.factors, np.float32),
        as_kernel_array(items.gram_diagonal, np.float32),
        as_kernel_array(equations.regularization, np.float32),
        float(prior_regularization),
    )
    return left


@njit(error_model="numpy")
def _small_systems(items: Doubles, gram: Doubles, base: Doubles) -> tuple[Doubles, Doubles]:
    """Return `I + Z B^-1 Z'` and `Z B^-1 G B^-1 Z'` of a listener's scaled items `Z`, each of shape (k, k)."""
    k = len(items)
    system, explained = np.empty((k, k), np.float64), np.empty((k, k), np.float64)
    for i in range(k):
        for j in range(i + 1):
            inner, outer = 0.0, 0.0
            for a in range(len(base)):
                product = items[i, a] * items[j, a] / base[a]
                inner += product
                outer += product * gram[a] / base[a]
            system[i, j] = inner + (i == j)
            explained[i, j] = explained[j, i] = outer
    return system, explained


@njit(error_model="numpy")
def _large_systems(items: Doubles, gram: Doubles, base: Doubles) -> tuple[Doubles, Doubles]:
    """Return `A = B + Z'Z` and the gram `G`, each of shape (f, f)."""
    f = len(base)
    system, diagonal = np.zeros((f, f), np.float64), np.zeros((f, f), np.float64)
    for a in range(f):
        system[a, a], diagonal[a, a] = base[a], gram[a]
    for i in range(len(items)):
        for a in range(f):
            for b in range(a + 1):
                system[a, b] += items[i, a] * items[i, b]
    return system, diagonal


@njit(error_model="numpy")
def _trace_of_solution(system: Doubles, right: Doubles) -> float:
    """Return `tr(S^-1 R)` of symmetric matrices; the lower half of S becomes its Cholesky factor."""
    k, trace = len(system), 0.0
    for j in range(k):
        for i in range(j, k):
            entry = system[i, j]
            for a in range(j):
                entry -= system[i, a] * system[j, a]
            system[i, j] = np.sqrt(entry) if i == j else entry / system[j, j]
    for column in range(k):
        x = right[column]
        for i in range(k):
            for a in range(i):
                x[i] -= system[i, a] * x[a]
            x[i] /= system[i, i]
        for i in range(k - 1, column - 1, -1):
            for a in range(i + 1, k):
                x[i] -= system[a, i] * x[a]
            x[i] /= system[i, i]
        trace += x[column]
    return trace


@kernel(error_model="numpy")
def _variance_left(
    starts: Starts,
    rows: Rows,
    confidences: Floats,
    factors: Floats,
    gram_diagonal: Floats,
    regularization: Floats,
    prior_regularization: float,
) -> Floats:
    """Return the share of variance left of every listener."""
    n, f = len(starts) - 1, len(gram_diagonal)
    shares, gram, base = np.empty(n, np.float32), gram_diagonal.astype(np.float64), np.empty(f, np.float64)
    prior = 0.0
    for a in range(f):
        prior += gram[a] / max(gram[a] + prior_regularization, _TINY)
    for u in range(n):
        items, k, left = np.empty((starts[u + 1] - starts[u], f), np.float64), 0, 0.0
        for a in range(f):
            base[a] = max(gram[a] + regularization[u], _TINY)
            left += gram[a] / base[a]
        for i in range(starts[u], starts[u + 1]):
            if rows[i] >= 0:
                scale = np.sqrt(np.float64(confidences[i]))
                for a in range(f):
                    items[k, a] = factors[rows[i], a] * scale
                k += 1
        if k <= f:
            left -= _trace_of_solution(*_small_systems(items[:k], gram, base))
        else:
            left = _trace_of_solution(*_large_systems(items[:k], gram, base))
        shares[u] = min(max(left / max(prior, _TINY), 0.0), 1.0)
    return shares


def score_variances_plain(rows: Rows, confidences: Floats, items: FixedItems, regularization: float) -> Doubles:
    """Return `y' A^-1 y` of one listener for every item, by inverting `A`: the twin of `variance_left`."""
    y = items.factors[rows[rows >= 0]].astype(np.float64)
    c = confidences[rows >= 0].astype(np.float64)
    a = np.diag(items.gram_diagonal.astype(np.float64) + regularization) + (y.T * c) @ y
    every = items.factors.astype(np.float64)
    return np.asarray(((every @ np.linalg.inv(a)) * every).sum(axis=1))
