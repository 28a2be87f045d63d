"""A user's vector from the user's signals, with item factors held fixed."""

from model.arrays import Floats
from model.equations import equations_of
from model.fixed_items import FixedItems
from model.objective import Objective
from model.ragged import WeightedRows
from model.solver import STEPS_MAX, TOLERANCE, solve_rows


def fold_in(
    signals: WeightedRows,
    items: FixedItems,
    objective: Objective,
    x: Floats,
    threads: int = 1,
    tolerance: float = TOLERANCE,
    steps_max: int = STEPS_MAX,
) -> Floats:
    """Solve users' vectors against fixed item factors.

    Args:
        signals: Every user's history; an item that this generation does not know (-1) is ignored.
        items: The items.
        objective: The objective that is minimised.
        x: Users' vectors to start from (zeros for a cold start), shape (n_users, f); overwritten with the result.
        threads: Threads that share the users.
        tolerance: Length of the solver's last correction relative to the vector.
        steps_max: Most steps of the solver for a user.

    Returns:
        `x`; a user without known items has a vector of zeros.
    """
    return solve_rows(equations_of(signals, objective), items, x, threads, tolerance, steps_max)
