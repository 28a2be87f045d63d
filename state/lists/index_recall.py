"""The recall of the index against exact ranking, over the latest probed lists."""

from collections import deque

import numpy as np

from model.arrays import Doubles, Rows

AT = 10
"""Recall is measured among so many first items."""
WINDOW = 500
"""Lists in the window."""
ENOUGH = 100
"""Least lists to judge the recall by; among fewer, a few unusual listeners would decide."""


def recall_of(indexed: Rows, exact: Rows) -> Doubles:
    """Return the share of every exact list's first ten items that the index ranked among its first ten.

    Args:
        indexed: Item rows of lists from the index, shape (n, list_n), padded with -1.
        exact: Those of exact ranking, shape (n, at least as many).

    Returns:
        Shape (n,); 1 for an empty list.
    """
    at = min(AT, indexed.shape[1])
    is_hit = (exact[:, :at, None] == indexed[:, None, :at]).any(axis=2) & (exact[:, :at] >= 0)
    n_exact = (exact[:, :at] >= 0).sum(axis=1)
    recalls: Doubles = np.where(n_exact > 0, is_hit.sum(axis=1) / np.maximum(n_exact, 1), 1.0)
    return recalls


class RecallWindow:
    """The recall of the latest probed lists, a bounded number of them."""

    def __init__(self) -> None:
        self._recalls: deque[float] = deque(maxlen=WINDOW)

    def add(self, recalls: Doubles) -> None:
        """Add lists; the oldest ones drop out."""
        self._recalls.extend(recalls.tolist())

    @property
    def n(self) -> int:
        """Return the number of lists in the window."""
        return len(self._recalls)

    @property
    def mean(self) -> float | None:
        """Return the recall, None before the first list."""
        return sum(self._recalls) / len(self._recalls) if self._recalls else None

    def is_below(self, floor: float) -> bool:
        """Tell whether the recall is known to be below a floor."""
        mean = self.mean
        return mean is not None and self.n >= ENOUGH and mean < floor
