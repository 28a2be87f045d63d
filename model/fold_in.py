"""A user's vector from what the user played, item factors held fixed."""

from typing import NamedTuple

import numpy as np

from model.arrays import Floats, Rows, Starts, part_of
from model.objective import Objective, against
from model.solver import STEPS_MAX, TOLERANCE, solve_rows


class Equations(NamedTuple):
    """What users' vectors solve, beside the items' side of it: the arguments of `solver.solve_rows` and `explain`."""

    starts: Starts  # (n_users + 1,)
    rows: Rows  # (h,), item rows, -1 is ignored
    confidences: Floats  # (h,)
    targets: Floats  # (h,)
    row_regularization: Floats  # (n_users,)
    n_liked: Starts  # (n_users,), items of `rows` that signals speak for

    def of(self, users: Starts) -> "Equations":
        """Return the equations of some users."""
        starts, rows, confidences, targets = part_of(users, self.starts, self.rows, self.confidences, self.targets)
        return Equations(starts, rows, confidences, targets, self.row_regularization[users], self.n_liked[users])


def equations_of(starts: Starts, rows: Rows, weights: Floats, objective: Objective) -> Equations:
    """Return the equations of users whose history is `rows`, each worth its `weights`, below 0 against the item."""
    n_liked = n_known(starts, np.where(against(weights), -1, rows))
    regs = objective.row_regularization(np.maximum(n_liked, 1))  # with signals against items alone it is 0, not broken
    confidences = objective.confidences(weights)
    return Equations(starts, rows, confidences, objective.targets(weights, confidences), regs, n_liked)


def fold_in(
    starts: Starts,
    rows: Rows,
    weights: Floats,
    item_factors: Floats,
    gram_diagonal: Floats,
    objective: Objective,
    x: Floats,
    threads: int = 1,
    tolerance: float = TOLERANCE,
    steps_max: int = STEPS_MAX,
) -> Floats:
    """Solve users' vectors against fixed item factors.

    Args:
        starts: Compressed rows over users, shape (n_users + 1,).
        rows: Item rows of every user's history; -1 for an item that this generation does not know, which is ignored.
        weights: What the signals of each of `rows` are worth now; below 0: against the item.
        item_factors: Item vectors in the diagonal basis, shape (n_items, f).
        gram_diagonal: Diagonal of their gram, scaled by the objective, shape (f,).
        objective: What is minimised.
        x: Users' vectors to start from (zeros for a cold start), shape (n_users, f); overwritten with the result.
        threads: Threads that share the users.
        tolerance: Length of the solver's last correction relative to the vector.
        steps_max: Most steps of the solver for a user.

    Returns:
        `x`; a user without known items has a vector of zeros.
    """
    equations = equations_of(starts, rows, weights, objective)
    return solve_users(equations, item_factors, gram_diagonal, x, threads, tolerance, steps_max)


def solve_users(
    equations: Equations,
    item_factors: Floats,
    gram_diagonal: Floats,
    x: Floats,
    threads: int = 1,
    tolerance: float = TOLERANCE,
    steps_max: int = STEPS_MAX,
) -> Floats:
    """Solve users' equations, as `fold_in` does; `x` is overwritten with the result, and returned."""
    starts, rows, confidences, targets, regs, _ = equations
    fixed = item_factors, gram_diagonal
    solve_rows(starts, rows, confidences, targets, *fixed, regs, x, tolerance, steps_max, threads)
    return x


def n_known(starts: Starts, rows: Rows) -> Starts:
    """Return how many known items each user's part of `rows` holds.

    >>> n_known(np.array([0, 2, 2, 3]), np.array([4, -1, 0], np.int32)).tolist()
    [1, 0, 1]
    """
    sums = np.concatenate(([0], np.cumsum(np.asarray(rows) >= 0)))
    known: Starts = np.diff(sums[starts])
    return known
