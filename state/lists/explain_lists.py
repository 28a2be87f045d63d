"""The reasons of listed items: the listener's own plays that add most to each score."""

from typing import NamedTuple

import numpy as np

from model.arrays import Flags, Floats, Rows, Starts
from model.explain import explain
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
    users = np.flatnonzero(chosen & lists.personal & (because_n > 0 and items_n > 0))
    if not len(users):
        shape = 0, items_n, because_n
        nothing = np.zeros(shape, np.float32)
        return Because(users, nothing.astype(np.int32), nothing, nothing.sum(axis=2))
    listed = lists.rows[users, :items_n]
    entries, shares, _ = explain(lists.equations, generation.fixed_items, users, listed, because_n)
    rows = np.where(entries >= 0, lists.equations.terms.rows[entries], np.int32(-1))
    open_ = lists.scores[users, :items_n] - shares.sum(axis=2, dtype=np.float64)
    return Because(users, rows, shares, np.where(listed >= 0, open_, 0).astype(np.float32))
