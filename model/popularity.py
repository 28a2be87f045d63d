"""What everybody plays: the list for someone without a history."""

import numpy as np

from model.arrays import Counts, Floats, Rows
from model.history import Histories
from model.weights import decayed


def popularity(
    histories: Histories, plays_so_far: Counts, item_rows: Rows, n_items: int, half_life_plays: float = np.inf
) -> Floats:
    """Sum what the plays of every item are worth over the users; signals against an item take nothing from it.

    Args:
        histories: Histories of n users.
        plays_so_far: Plays each of them has made, shape (n,).
        item_rows: Row of every entry's item, shape (h,); -1 for an item outside the catalog, which is ignored.
        n_items: Items in the catalog.
        half_life_plays: Plays of a listener after which an entry counts half; infinite to take values as they were
            when last touched.

    Returns:
        Plays of every item, shape (n_items,).
    """
    plays_now = np.repeat(plays_so_far.astype(np.int64), np.diff(histories.starts))
    weights = decayed(histories.values, plays_now - histories.touched_at_play, half_life_plays)
    known = (item_rows >= 0) & (weights > 0)
    return np.bincount(item_rows[known], weights[known], n_items).astype(np.float32)
