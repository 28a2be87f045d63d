"""The items of a generation that are in nobody's list: withdrawn by an operator, or unavailable by the catalog."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from model.arrays import Counts, Rows
from model.ranking import NONE
from state.generations.generation import Generation

_TAIL_BITS = np.uint32(12)
"""A mark without so many of its bits tells nearly always that it is none of some."""


@dataclass
class Unlisted:
    """Rows that nobody gets at one moment, under one revision of a generation."""

    withdrawn_rows: Rows
    """Ascending, as the next ones."""
    unavailable_rows: Rows
    """An item may be withdrawn as well."""
    rows: Rows
    """Both, each row once."""
    mask: NDArray[np.bool_]
    """The same by row, shape (n_items,)."""
    _marks: Counts | None = None
    _heads: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(1 << (32 - _TAIL_BITS), np.bool_))

    @classmethod
    def of(cls, generation: Generation, unavailable_rows: Rows = NONE) -> "Unlisted":
        """Return the items of a generation that its revision withdraws or that are unavailable."""
        mask = np.zeros(len(generation.item_factors), np.bool_)
        mask[unavailable_rows] = True
        withdrawn_rows = generation.revision.withdrawn_rows
        mask[withdrawn_rows] = True
        rows = np.flatnonzero(mask).astype(np.int32) if len(withdrawn_rows) else unavailable_rows
        return cls(withdrawn_rows, unavailable_rows, rows, mask)

    def among(self, marks: Counts, generation: Generation) -> NDArray[np.bool_]:
        """Tell which marks, by which user records remember the items of a list, are those of these items."""
        found = np.zeros(len(marks), np.bool_)
        if not len(self.rows):
            return found
        if self._marks is None:
            self._marks = np.sort(generation.marks[self.rows])
            self._heads[self._marks >> _TAIL_BITS] = True
        likely = np.flatnonzero(self._heads[marks >> _TAIL_BITS])  # nearly all marks are done with here
        places = np.minimum(np.searchsorted(self._marks, marks[likely]), len(self._marks) - 1)
        found[likely] = self._marks[places] == marks[likely]
        return found

    def popular_rows(self, generation: Generation, n: int) -> Rows:
        """Return the n most popular items that are listed, the first being the most popular; ties by row."""
        order = generation.popular_order
        looked_at = n
        while True:
            listed = order[:looked_at][~self.mask[order[:looked_at]]]
            if len(listed) >= n or looked_at >= len(order):
                return listed[:n]
            looked_at *= 2
