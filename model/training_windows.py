"""Rows for plays that were made together: parts of a listener's history, trained on beside the whole.

A fold-in weighs a listener's last plays most, so its vector describes a moment; a training on whole histories alone
only meets vectors that describe years. Training on windows of consecutive plays as well closes that gap.
"""

import numpy as np

from model.arrays import Counts, lengths_of
from model.history import Histories
from model.item_weights import item_weights
from model.objective import Objective
from model.training import Matrix


def training_matrix(histories: Histories, objective: Objective, weight_max: float = np.inf) -> Matrix:
    """Return the training matrix: the weight of every item at its last signal; the rows of windows come last.

    Recency belongs to the moment of a list: it is applied when a user is folded in. Items are described by all signals
    of a history, so the weights do not decay behind an item's last signal.

    Args:
        histories: Histories of n listeners, with item rows in the place of keys.
        objective: The training objective; its half-lives weigh an item's earlier signals.
        weight_max: Largest total weight of one item's signals.
    """
    items = item_weights(histories, objective.half_lives, weight_max)
    matrix = Matrix(items.starts, items.item_keys.astype(np.int32), items.weights)
    return with_windows(matrix, items.touched_at_play, objective.window_plays)


def with_windows(matrix: Matrix, touched_at_play: Counts, window_plays: int) -> Matrix:
    """Add a row for every window of a user's plays in which an item was last played.

    Args:
        matrix: Weights of n users, each in the order of `touched_at_play`, as of `ItemWeights`.
        touched_at_play: The user's plays when an item was last played, one for each of the matrix's rows.
        window_plays: Plays in a window; 0 for no windows.

    Returns:
        A matrix whose first n rows are those of `matrix`.

    >>> matrix = Matrix(np.array([0, 3]), np.array([7, 8, 9], np.int32), np.ones(3, np.float32))
    >>> longer = with_windows(matrix, np.array([2, 3, 11], np.uint32), window_plays=10)
    >>> longer.starts.tolist(), longer.rows.tolist()
    ([0, 3, 5, 6], [7, 8, 9, 7, 8, 9])
    """
    if not window_plays or not len(matrix.rows):
        return matrix
    users = np.repeat(np.arange(len(matrix.starts) - 1), lengths_of(matrix.starts))
    windows = touched_at_play.astype(np.int64) // window_plays
    ends = np.flatnonzero((np.diff(users) != 0) | (np.diff(windows) != 0)) + 1
    starts = matrix.starts[-1] + np.append(ends, len(users))
    return Matrix(np.concatenate((matrix.starts, starts)), np.tile(matrix.rows, 2), np.tile(matrix.weights, 2))
