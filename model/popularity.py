"""The popularity of items, by which a listener without a history gets a list."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from model.arrays import Counts, Doubles, Floats, Rows, as_own_array
from model.kernel import kernel

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
        before, before_s = (np.zeros_like(weights), played_at_s) if replaced is None else replaced
        self.reference_s, self.latest_s = _add(
            self.sums,
            as_own_array(rows, np.int32),
            as_own_array(weights, np.float32),
            as_own_array(played_at_s, np.uint32),
            as_own_array(before, np.float32),
            as_own_array(before_s, np.uint32),
            self.reference_s,
            self.latest_s,
            float(half_life_s),
            now_s,
        )

    def plays(self, half_life_s: float) -> Doubles:
        """Return the plays of every item as of the latest play, shape (n_items,)."""
        plays: Doubles = self.sums * 2.0 ** ((self.reference_s - self.latest_s) / half_life_s)
        return np.maximum(plays, 0.0, out=plays)


@kernel
def _add(
    sums: Doubles,
    rows: Rows,
    weights: Floats,
    played_at_s: Counts,
    before: Floats,
    before_s: Counts,
    reference_s: int,
    latest_s: int,
    half_life_s: float,
    now_s: int,
) -> tuple[int, int]:
    """Count plays in the sums; return the new reference and the latest play."""
    newest_s = -1
    for i in range(len(rows)):
        if rows[i] >= 0 and weights[i] > 0:
            newest_s = max(newest_s, min(int(played_at_s[i]), now_s))
    if newest_s < 0:
        return reference_s, latest_s
    if latest_s == 0:
        reference_s = newest_s
    latest_s = max(latest_s, newest_s)
    if (latest_s - reference_s) / half_life_s > HALF_LIVES_MAX:
        sums *= 2.0 ** ((reference_s - latest_s) / half_life_s)
        reference_s = latest_s
    for i in range(len(rows)):
        if rows[i] >= 0 and weights[i] > 0:
            at_s, earlier_s = min(int(played_at_s[i]), now_s), min(int(before_s[i]), now_s)
            sums[rows[i]] += weights[i] * 2.0 ** ((at_s - reference_s) / half_life_s)
            sums[rows[i]] -= before[i] * 2.0 ** ((earlier_s - reference_s) / half_life_s)
    return reference_s, latest_s
