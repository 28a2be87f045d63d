"""The unlisted items of a generation: withdrawn by an operator, or unavailable according to the catalog."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from model.arrays import Counts, Rows
from model.ranking import NONE
from state.generations.generation import Generation

_TAIL_BITS = np.uint32(12)
"""Bits cut off a mark for the first test, which excludes nearly all marks."""


@dataclass
class Unlisted:
    """The unlisted rows at one moment, under one revision of a generation."""

    withdrawn_rows: Rows
    """Ascending."""
    unavailable_rows: Rows
    """Ascending; a row may be withdrawn too."""
    rows: Rows
    """The union, ascending."""
    mask: NDArray[np.bool_]
    """True for unlisted rows, shape (n_items,)."""
    _marks: Counts | None = None
    _heads: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(1 << (32 - _TAIL_BITS), np.bool_))

    @classmethod
    def of(cls, generation: Generation, unavailable_rows: Rows = NONE) -> "Unlisted":
        """Return the rows that the generation's revision withdraws, and the unavailable ones."""
        mask = np.zeros(len(generation.item_factors), np.bool_)
        mask[unavailable_rows] = True
        withdrawn_rows = generation.revision.withdrawn_rows
        mask[withdrawn_rows] = True
        rows = np.flatnonzero(mask).astype(np.int32) if len(withdrawn_rows) else unavailable_rows
        return cls(withdrawn_rows, unavailable_rows, rows, mask)

    def among(self, marks: Counts, generation: Generation) -> NDArray[np.bool_]:
        """Return which of some marks, by which user records store a list, belong to unlisted items."""
        is_unlisted = np.zeros(len(marks), np.bool_)
        if not len(self.rows):
            return is_unlisted
        if self._marks is None:
            self._marks = np.sort(generation.marks[self.rows])
            self._heads[self._marks >> _TAIL_BITS] = True
        likely = np.flatnonzero(self._heads[marks >> _TAIL_BITS])  # excludes nearly all marks
        places = np.minimum(np.searchsorted(self._marks, marks[likely]), len(self._marks) - 1)
        is_unlisted[likely] = self._marks[places] == marks[likely]
        return is_unlisted

    def popular_rows(self, generation: Generation, n: int) -> Rows:
        """Return the n most popular listed rows, most popular first, ties by row."""
        order = generation.popular_order
        n_inspected = n
        while True:
            listed = order[:n_inspected][~self.mask[order[:n_inspected]]]
            if len(listed) >= n or n_inspected >= len(order):
                return listed[:n]
            n_inspected *= 2
