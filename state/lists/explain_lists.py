"""The reasons of listed items: the listener's own plays that add most to each score."""

from typing import NamedTuple

import numpy as np

from model.arrays import Flags, Floats, Rows, Starts, as_kernel_array
from model.explain import explain
from model.kernel import kernel
from state.generations.generation import Generation
from state.lists.build import Lists


class Because(NamedTuple):
    """The reasons of the first items of the explained lists of a group, by descending absolute share."""

    users: Starts  # (n,), the users with an explained list, ascending
    rows: Rows  # (n, items_n, m), item rows of the listener's plays; -1 where fewer have a share
    shares: Floats  # (n, items_n, m), the share of each in the item's score
    rest: Floats  # (n, items_n), the score without those shares


class Extent(NamedTuple):
    """How much of a list is explained."""

    items_n: int
    """First items that have reasons."""
    because_n: int
    """Most reasons of an item."""


def explain_lists(lists: Lists, chosen: Flags, generation: Generation, extent: Extent) -> Because:
    """Find the reasons of the first items of the chosen lists; a list that is not personal has none.

    The rest has the shares of all other plays, the error of the solver (at most 1e-5 of the score), and in a blended
    list the popular part. So shares and rest sum to the published score.

    Args:
        lists: Lists of a group of users.
        chosen: The lists to explain, shape (n_users,).
        generation: The generation of the lists.
        extent: How much is explained; nothing if one of the two is 0.
    """
    items_n, because_n = min(extent.items_n, lists.rows.shape[1]), extent.because_n
    users = (chosen & lists.personal).nonzero()[0] if items_n and because_n else np.zeros(0, np.int64)
    if not len(users):
        shape = 0, items_n, because_n
        return Because(users, np.zeros(shape, np.int32), np.zeros(shape, np.float32), np.zeros(shape[:2], np.float32))
    listed = lists.rows[users, :items_n]
    entries, shares, rest = explain(lists.equations, generation.fixed_items, users, listed, because_n)
    rows = as_kernel_array(lists.equations.terms.rows, np.int32)
    _as_published(entries, shares, rest, rows, users, as_kernel_array(lists.scores, np.float32))
    return Because(users, entries, shares, rest)


@kernel
def _as_published(entries: Rows, shares: Floats, rest: Floats, rows: Rows, users: Starts, scores: Floats) -> None:
    """Put the rows of items in the place of entries, and the published score without the shares into the rest."""
    for number, u in enumerate(users):
        for i in range(entries.shape[1]):
            left = np.float64(scores[u, i])
            for t in range(entries.shape[2]):
                left -= shares[number, i, t]
                entries[number, i, t] = rows[entries[number, i, t]] if entries[number, i, t] >= 0 else -1
            rest[number, i] = left if left > -np.inf else 0  # the score of padding
