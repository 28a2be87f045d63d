"""The items nearest to each item."""

import numpy as np

from model.arrays import Floats, Rows
from model.ragged import RaggedRows
from model.ranking import BoundedItems, top_n


def related_items(item_factors: Floats, n: int, threads: int = 1, items: Rows | None = None) -> tuple[Rows, Floats]:
    """Return the items of the smallest angle to each item, exactly.

    A cosine ignores the popularity of an item, which is in its vector's length. The direction is its audience.

    Args:
        item_factors: Item vectors, shape (n_items, f).
        n: Related items wanted for each.
        threads: Threads that share the items; BLAS has to be pinned to one.
        items: Rows of the items to look from, shape (m,); all if left out.

    Returns:
        Item rows and cosines, both of shape (m, n), nearest first, padded with row -1 and cosine -inf. An item is not
        related to itself; one whose vector is zero is related to nothing.

    >>> rows, cosines = related_items(np.array([[2, 0], [1, 0], [0, 3], [0, 0]], np.float32), 1)
    >>> rows[:, 0].tolist(), cosines[:2, 0].tolist()
    ([1, 0, 0, -1], [1.0, 1.0])
    """
    norms = np.linalg.norm(item_factors, axis=1)
    nothing = np.flatnonzero(norms == 0).astype(np.int32)
    directions = (item_factors / np.where(norms > 0, norms, 1)[:, None]).astype(np.float32)
    looking = np.arange(len(norms), dtype=np.int32) if items is None else items
    candidates = BoundedItems(directions, np.ones(len(norms), np.float32))
    itself = RaggedRows(np.arange(len(looking) + 1), looking)
    rows, cosines = top_n(directions[looking], candidates, itself, n, threads, nothing)
    rows[norms[looking] == 0], cosines[norms[looking] == 0] = -1, -np.inf
    return rows, np.minimum(cosines, 1, out=cosines)
