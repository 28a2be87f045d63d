"""How much of what exact ranking finds the index finds, over the lists looked at last."""

from collections import deque

import numpy as np

from model.arrays import Doubles, Rows

AT = 10
"""Recall is that of the first so many items."""
WINDOW = 500
"""Lists that are remembered."""
ENOUGH = 100
"""Lists from which recall is judged; among fewer, a few odd listeners would decide."""


def recall_of(found: Rows, exact: Rows) -> Doubles:
    """Return the share of every exact list that was found, among the first ten.

    Args:
        found: Item rows of lists from the index, shape (n, list_n), padded with -1.
        exact: Those of exact ranking, shape (n, at least as many).

    Returns:
        Shape (n,); 1 where there is nothing to find.
    """
    at = min(AT, found.shape[1])
    is_found = (exact[:, :at, None] == found[:, None, :at]).any(axis=2) & (exact[:, :at] >= 0)
    n_exact = (exact[:, :at] >= 0).sum(axis=1)
    recalls: Doubles = np.where(n_exact > 0, is_found.sum(axis=1) / np.maximum(n_exact, 1), 1.0)
    return recalls


class RecallWindow:
    """The recall of the lists looked at last, a bounded number of them."""

    def __init__(self) -> None:
        """Begin with none."""
        self._recalls: deque[float] = deque(maxlen=WINDOW)

    def add(self, recalls: Doubles) -> None:
        """Take lists in; the oldest ones are forgotten."""
        self._recalls.extend(recalls.tolist())

    @property
    def n(self) -> int:
        """Return how many lists are remembered."""
        return len(self._recalls)

    @property
    def mean(self) -> float | None:
        """Return the recall, None before the first list."""
        return sum(self._recalls) / len(self._recalls) if self._recalls else None

    def is_below(self, floor: float) -> bool:
        """Tell whether the recall is known to be below a floor."""
        mean = self.mean
        return mean is not None and self.n >= ENOUGH and mean < floor
