"""The popularity of items, by which a listener without a history gets a list."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from model.arrays import Counts, Doubles, Floats, Rows, has_any

HALF_LIVES_MAX = 64
"""Rescale after this many half-lives, far below the overflow of float64 (1,023)."""


def popularity_in_time(
    values: Floats, last_played_s: Counts, item_rows: Rows, n_items: int, half_life_s: float, now_s: int
) -> tuple[Floats, int]:
    """Sum the entries of histories by item, each halved with the time since its last play.

    Args:
        values: Decayed counts of plays, as of the play that last touched each entry, shape (h,).
        last_played_s: When that was, in seconds since 1970; taken as now where it is later.
        item_rows: Row of every entry's item; -1 for an item outside the catalog, which is ignored, as is an entry that
            is worth less than nothing.
        n_items: Items in the catalog.
        half_life_s: Seconds after which a play counts half; infinite for no decay.
        now_s: Now.

    Returns:
        Plays of every item, shape (n_items,), and as of when: the latest play of all, 0 if there is none.
    """
    known = (item_rows >= 0) & (values > 0)
    times = np.minimum(last_played_s[known].astype(np.int64), now_s)
    as_of_s = int(times.max(initial=0))
    worth = values[known] * np.exp2((times - as_of_s) / half_life_s)
    return np.bincount(item_rows[known], worth, n_items).astype(np.float32), as_of_s


@dataclass(slots=True)
class LivePlays:
    """Sums of plays, each halved with time, that grow as plays arrive: exact in any order of arrival.

    Nothing is decayed as time goes on. Every play counts for more than those before it instead, twice as much after
    every half-life, and all sums are scaled down together before they could overflow.

    Attributes:
        sums: Per item, in plays as of `reference_s`, shape (n_items,).
        reference_s: When a play counts 1 in `sums`, in seconds since 1970.
        latest_s: The latest play counted; 0: none yet, and the time of `sums` is unknown.
    """

    sums: Doubles
    reference_s: int
    latest_s: int

    @classmethod
    def begin(cls, plays: Floats, as_of_s: int) -> Self:
        """Begin with plays as of a time; 0 if the time is unknown, and they count as of the first play."""
        return cls(plays.astype(np.float64), as_of_s, as_of_s)

    def add(
        self,
        rows: Rows,
        weights: Floats,
        played_at_s: Counts,
        half_life_s: float,
        now_s: int,
        replaced: tuple[Floats, Counts] | None = None,
    ) -> None:
        """Count plays.

        Args:
            rows: Item rows; -1 is ignored.
            weights: Weights before any decay; one below 0 is ignored.
            played_at_s: When each was made, in seconds since 1970; taken as now where it is later, so that a clock
                that is wrong by years cannot make all other plays worthless.
            half_life_s: Seconds after which a play counts half; infinite for no decay.
            now_s: Now.
            replaced: Weights that were counted before and that these replace, with their times, of the same shapes.
        """
        counted = (rows >= 0) & (weights > 0)
        if not has_any(counted):
            return
        times = np.minimum(played_at_s[counted].astype(np.int64), now_s)
        latest_s = int(times.max())
        if not self.latest_s:
            self.reference_s = latest_s
        self.latest_s = max(self.latest_s, latest_s)
        if (self.latest_s - self.reference_s) / half_life_s > HALF_LIVES_MAX:
            self.sums *= 2.0 ** ((self.reference_s - self.latest_s) / half_life_s)
            self.reference_s = self.latest_s
        worth = weights[counted] * np.exp2((times - self.reference_s) / half_life_s)
        if replaced is not None:
            before, before_s = replaced[0][counted], np.minimum(replaced[1][counted].astype(np.int64), now_s)
            worth = worth - before * np.exp2((before_s - self.reference_s) / half_life_s)
        np.add.at(self.sums, rows[counted], worth)

    def plays(self, half_life_s: float) -> Doubles:
        """Return the plays of every item as of the latest play, shape (n_items,)."""
        plays: Doubles = self.sums * 2.0 ** ((self.reference_s - self.latest_s) / half_life_s)
        return np.maximum(plays, 0.0, out=plays)
