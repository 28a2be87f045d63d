"""The best n of some items for every user, scored exactly."""

from typing import NamedTuple

import numpy as np

from model.arrays import Floats, Rows, Starts, as_kernel_array
from model.candidates import candidate_of, write_list
from model.kernel import kernel
from model.ragged import RaggedRows
from model.ranking import padding
from model.vectors import dot, dots_plain


class Addition(NamedTuple):
    """A further part of every score: the user's strength times the item's preference."""

    strengths: Floats  # (n_users,)
    preference: Floats  # (n_items,); empty: nothing is added


NOTHING = Addition(np.zeros(0, np.float32), np.zeros(0, np.float32))


def best_of(
    queries: Floats, item_factors: Floats, candidates: RaggedRows, n: int, addition: Addition = NOTHING
) -> tuple[Rows, Floats]:
    """Return the best n of some items for every user, scored exactly.

    Args:
        queries: User vectors, shape (n_users, f).
        item_factors: Item vectors, shape (n_items, f).
        candidates: Item rows to choose from for each user, in any order, some maybe twice; -1 is ignored.
        n: Length of a list.
        addition: A further part of every score.

    Returns:
        Item rows and scores as of `top_n`.
    """
    rows, scores = padding(len(queries), n)
    _best_of(
        as_kernel_array(queries, np.float32),
        as_kernel_array(item_factors, np.float32),
        as_kernel_array(candidates.starts, np.int64),
        as_kernel_array(candidates.rows, np.int32),
        as_kernel_array(addition.strengths, np.float32),
        as_kernel_array(addition.preference, np.float32),
        rows,
        scores,
    )
    return rows, scores


def best_of_plain(
    queries: Floats, item_factors: Floats, candidates: RaggedRows, n: int, addition: Addition = NOTHING
) -> tuple[Rows, Floats]:
    """Do the same as `best_of` by sorting: the twin that the kernel is tested against."""
    rows, best = padding(len(queries), n)
    for u, query in enumerate(queries):
        choice = np.unique(candidates.rows[candidates.starts[u] : candidates.starts[u + 1]])
        choice = choice[choice >= 0]
        scores = dots_plain(item_factors[choice], query)
        if len(addition.preference):
            scores = scores + addition.strengths[u] * addition.preference[choice]
        order = np.argsort(-scores, kind="stable")[:n]
        rows[u, : len(order)], best[u, : len(order)] = choice[order], scores[order]
    return rows, best


@kernel
def _best_of(
    queries: Floats,
    item_factors: Floats,
    starts: Starts,
    candidate_rows: Rows,
    strengths: Floats,
    preference: Floats,
    rows: Rows,
    scores: Floats,
) -> None:
    n_users, f = queries.shape
    longest = 0
    for u in range(n_users):
        longest = max(longest, starts[u + 1] - starts[u])
    scored, score = np.empty(longest, np.uint64), np.empty(1, np.float32)
    score_bits, bits = scores.view(np.uint32), score.view(np.uint32)
    items, size = item_factors.ctypes.data, item_factors.strides[0]
    for u in range(n_users):
        count, last = 0, np.int32(-1)
        query = queries[u].ctypes.data
        candidates = np.sort(candidate_rows[starts[u] : starts[u + 1]])
        for row in candidates:
            if row == last or row < 0:
                continue
            last = row
            score[0] = dot(query, items + size * row, f)
            if len(preference):
                score[0] += strengths[u] * preference[row]
            scored[count] = candidate_of(bits[0], row)
            count += 1
        write_list(scored, count, rows[u], score_bits[u])
