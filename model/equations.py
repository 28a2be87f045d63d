"""The systems that users' vectors solve: everything but the items' side of them."""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from model.arrays import Floats, Rows, Starts, as_kernel_array, lengths_of, starts_of
from model.kernel import kernel
from model.objective import Objective
from model.ragged import Ragged, RaggedRows, WeightedRows


@dataclass(frozen=True, slots=True, eq=False)
class Terms(Ragged):
    """The terms of n users' systems, one for every item of a history.

    Attributes:
        rows: Item rows; a negative one is ignored.
        confidences: `c` of `model/solver.py`.
        targets: `b` of `model/solver.py`.
    """

    rows: Rows
    confidences: Floats
    targets: Floats


class Equations(NamedTuple):
    """The systems of n users."""

    terms: Terms
    regularization: Floats
    """Of every user, shape (n,)."""
    n_liked: Starts
    """Known items that a user's signals speak for, shape (n,)."""

    def part(self, users: Starts) -> Self:
        """Return the systems of some users."""
        return type(self)(self.terms.part(users), self.regularization[users], self.n_liked[users])


def equations_of(signals: WeightedRows, objective: Objective) -> Equations:
    """Return the systems of users with these signals."""
    weights = signals.weights
    n_liked = _count_liked(
        as_kernel_array(signals.starts, np.int64),
        as_kernel_array(signals.rows, np.int32),
        as_kernel_array(weights, np.float32),
    )
    regularization = objective.row_regularization(np.maximum(n_liked, 1))  # with skips alone it would be 0
    confidences = objective.confidences(weights)
    terms = Terms(signals.starts, signals.rows, confidences, objective.targets(weights, confidences))
    return Equations(terms, regularization, n_liked)


def n_known(history: RaggedRows) -> Starts:
    """Return the number of known items of every user, shape (n,).

    >>> n_known(RaggedRows(np.array([0, 2, 2, 3]), np.array([4, -1, 0], np.int32))).tolist()
    [1, 0, 1]
    """
    sums = starts_of(np.asarray(history.rows) >= 0)
    known: Starts = lengths_of(sums[history.starts])
    return known


@kernel
def _count_liked(starts: Starts, rows: Rows, weights: Floats) -> Starts:
    """Return the number of known items of every user that the signals speak for, shape (n,)."""
    n_liked = np.zeros(len(starts) - 1, np.int64)
    for u in range(len(n_liked)):
        for i in range(starts[u], starts[u + 1]):
            n_liked[u] += rows[i] >= 0 and not np.signbit(weights[i])
    return n_liked
