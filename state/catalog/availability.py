"""The availability of one generation's items by their rows, and the unavailable rows at a moment."""

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
    """Kind and availability of an item."""

    kind: int
    """Code of the kind, -1 for none."""
    from_ms: int
    until_ms: int


NOTHING = Entry(NO_KIND, EVER, NEVER)
"""The entry of an item without metadata: it has no kind and is always available."""


class Availability:
    """The catalog by the rows of a generation: 19 bytes a row.

    A change of some items reads only these rows. It copies the unavailable rows if an item's availability changed.
    All rows are read again only at a moment at which the availability of an item may change.

    Attributes:
        kinds: Codes of the kinds by row, -1 for none.
    """

    def __init__(self, n_rows: int) -> None:
        """Start without metadata: all rows are available."""
        self.kinds: Codes = np.full(n_rows, NO_KIND, np.int16)
        self._from_ms: Moments = np.full(n_rows, EVER, np.int64)
        self._until_ms: Moments = np.full(n_rows, NEVER, np.int64)
        self._is_unavailable = np.zeros(n_rows, np.bool_)
        self._updated_ms, self._next_change_ms = EVER, NEVER
        self._rows: Rows = NONE

    def put(self, rows: Rows, entries: Collection[Entry]) -> None:
        """Store the entries of items by their rows; row -1 is ignored."""
        known, n = rows >= 0, len(entries)
        at = rows[known]
        self.kinds[at] = np.fromiter((entry.kind for entry in entries), np.int16, n)[known]
        self._from_ms[at] = np.fromiter((entry.from_ms for entry in entries), np.int64, n)[known]
        self._until_ms[at] = np.fromiter((entry.until_ms for entry in entries), np.int64, n)[known]
        was, now = self._is_unavailable[at], self._unavailable_at(at)
        self._is_unavailable[at] = now
        self._rows = _with_changes(self._rows, at[now & ~was], at[was & ~now])
        self._next_change_ms = min(self._next_change_ms, self._next_change_of(at))

    def unavailable_rows(self, now_ms: int) -> Rows:
        """Return the unavailable rows, ascending; the same array as long as nothing changes."""
        if now_ms >= self._next_change_ms or now_ms < self._updated_ms:
            self._update_all(now_ms)
        self._updated_ms = now_ms
        return self._rows

    def _update_all(self, now_ms: int) -> None:
        """Update all rows, and compute the moment of the next change."""
        all_rows = slice(None)
        self._updated_ms = now_ms
        now = self._unavailable_at(all_rows)
        if (now != self._is_unavailable).any():
            self._is_unavailable, self._rows = now, np.flatnonzero(now).astype(np.int32)
        self._next_change_ms = self._next_change_of(all_rows)

    def _unavailable_at(self, at: Rows | slice) -> NDArray[np.bool_]:
        unavailable: NDArray[np.bool_] = (self._updated_ms < self._from_ms[at]) | (
            self._updated_ms >= self._until_ms[at]
        )
        return unavailable

    def _next_change_of(self, at: Rows | slice) -> int:
        """Return the first moment after the last update at which the availability of one of the rows changes."""
        firsts = [
            moments[at].min(where=moments[at] > self._updated_ms, initial=NEVER)
            for moments in (self._from_ms, self._until_ms)
        ]
        return int(min(firsts))


def _with_changes(rows: Rows, added: Rows, removed: Rows) -> Rows:
    """Return ascending rows with rows added and removed; the same array if nothing changes."""
    if not len(added) and not len(removed):
        return rows
    remaining, added = np.delete(rows, np.searchsorted(rows, removed)), np.sort(added)
    return np.insert(remaining, np.searchsorted(remaining, added), added)
