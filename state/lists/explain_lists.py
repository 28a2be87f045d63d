"""Why the items of lists that go out are in them: the listener's own plays that add most to each score."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.arrays import Floats, Rows, Starts
from model.explain import explain
from state.generations.generation import Generation
from state.lists.build import Lists


class Because(NamedTuple):
    """The reasons of some of the lists of a group, the explained ones, by descending absolute share."""

    users: Starts  # (n,), the numbers of those whose lists are explained, ascending
    rows: Rows  # (n, list_n, m), item rows of the listener's plays; -1 where fewer have a share
    shares: Floats  # (n, list_n, m), what each adds to the item's score
    rest: Floats  # (n, list_n), the score without those shares


def explain_lists(lists: Lists, chosen: NDArray[np.bool_], generation: Generation, because_n: int) -> Because:
    """Find the reasons of the chosen lists; one that is not personal has none.

    The rest is what all other plays add, with it what the solver of the vector left open, 1e-5 of the score at most,
    and in a blended list the popular part: so shares and rest sum to the score as it is published.

    Args:
        lists: Lists of a group of users.
        chosen: Whose lists are explained, shape (n_users,).
        generation: What they were made under.
        because_n: Most reasons of an item; 0: nothing is explained.
    """
    users = np.flatnonzero(chosen & lists.personal & (because_n > 0))
    if not len(users):
        shape = 0, lists.rows.shape[1], because_n
        nothing = np.zeros(shape, np.float32)
        return Because(users, nothing.astype(np.int32), nothing, nothing.sum(axis=2))
    listed = lists.rows[users]
    entries, shares, _ = explain(lists.equations, generation.fixed_items, users, listed, because_n)
    rows = np.where(entries >= 0, lists.equations.terms.rows[entries], np.int32(-1))
    open_ = lists.scores[users] - shares.sum(axis=2, dtype=np.float64)
    return Because(users, rows, shares, np.where(listed >= 0, open_, 0).astype(np.float32))
