"""When the items of one generation are available, by their rows, and which of them are not at a moment."""

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.arrays import Rows
from model.ranking import NONE

Codes = NDArray[np.int16]
Moments = NDArray[np.int64]
EVER, NEVER = -(2**63), 2**63 - 1
NO_KIND = -1


class Entry(NamedTuple):
    """What is held of an item."""

    kind: int
    """Code of its kind, -1 for none."""
    from_ms: int
    until_ms: int


NOTHING = Entry(NO_KIND, EVER, NEVER)
"""What the catalog says of an item that it does not know: it is always available."""


class Availability:
    """The catalog by the rows of a generation: 19 bytes a row.

    A change of some items costs a look at these and, if one of them came or went, a copy of the unavailable rows.
    A moment at which anything may come or go costs one pass over all; between two such moments nothing is looked at.

    Attributes:
        kinds: Code of the kind of every row, -1 for none.
    """

    def __init__(self, n_rows: int) -> None:
        """Begin with a generation of which the catalog says nothing."""
        self.kinds: Codes = np.full(n_rows, NO_KIND, np.int16)
        self._from_ms: Moments = np.full(n_rows, EVER, np.int64)
        self._until_ms: Moments = np.full(n_rows, NEVER, np.int64)
        self._is_closed = np.zeros(n_rows, np.bool_)
        self._looked_ms, self._next_ms = EVER, NEVER
        self._rows: Rows = NONE

    def put(self, rows: Rows, entries: Collection[Entry]) -> None:
        """Take in what the catalog says of items, by their rows; -1 is ignored."""
        known, n = rows >= 0, len(entries)
        at = rows[known]
        self.kinds[at] = np.fromiter((entry.kind for entry in entries), np.int16, n)[known]
        self._from_ms[at] = np.fromiter((entry.from_ms for entry in entries), np.int64, n)[known]
        self._until_ms[at] = np.fromiter((entry.until_ms for entry in entries), np.int64, n)[known]
        was, now = self._is_closed[at], self._closed_at(at)
        self._is_closed[at] = now
        self._rows = _with_changes(self._rows, at[now & ~was], at[was & ~now])
        self._next_ms = min(self._next_ms, self._next_of(at))

    def unavailable_rows(self, now_ms: int) -> Rows:
        """Return the rows that are unavailable, ascending; the same array as long as nothing comes or goes."""
        if now_ms >= self._next_ms or now_ms < self._looked_ms:
            self._look(now_ms)
        self._looked_ms = now_ms
        return self._rows

    def _look(self, now_ms: int) -> None:
        """Look at all rows; the next look is due when the first of them may come or go."""
        everything = slice(None)
        self._looked_ms = now_ms
        now = self._closed_at(everything)
        if (now != self._is_closed).any():
            self._is_closed, self._rows = now, np.flatnonzero(now).astype(np.int32)
        self._next_ms = self._next_of(everything)

    def _closed_at(self, at: Rows | slice) -> NDArray[np.bool_]:
        closed: NDArray[np.bool_] = (self._looked_ms < self._from_ms[at]) | (self._looked_ms >= self._until_ms[at])
        return closed

    def _next_of(self, at: Rows | slice) -> int:
        """Return the first moment behind the last look at which one of some rows comes or goes."""
        firsts = [
            moments[at].min(where=moments[at] > self._looked_ms, initial=NEVER)
            for moments in (self._from_ms, self._until_ms)
        ]
        return int(min(firsts))


def _with_changes(rows: Rows, closed: Rows, opened: Rows) -> Rows:
    """Return ascending rows with some more and without some of them; the same array if there are none of either."""
    if not len(closed) and not len(opened):
        return rows
    kept, more = np.delete(rows, np.searchsorted(rows, opened)), np.sort(closed)
    return np.insert(kept, np.searchsorted(kept, more), more)
