"""Users folded in and ranked under one generation."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.arrays import Floats, Rows
from model.fold_in import fold_in, n_known
from model.weights import decayed
from state.generation import Generation
from state.ranker import Ranker, exact
from state.user_records import UserRecords


class Lists(NamedTuple):
    """The lists of `n` users under one generation."""

    rows: Rows  # (n, list_n), item rows; -1 pads a list that ran out of items
    scores: Floats  # (n, list_n)
    personal: NDArray[np.bool_]  # (n,), False where the list is the popular one


def relist(records: UserRecords, generation: Generation, list_n: int, ranker: Ranker | None = None) -> Lists:
    """Fold users into a generation, in place, and rank its items for them.

    The vectors, and the generation that they belong to, are written into `records`. A user of whom the generation
    knows no item gets the popular list; its scores are the items' popularity.

    Args:
        records: The users.
        generation: The generation, at the revision that says which items are withdrawn.
        list_n: Length of a list.
        ranker: Ranks the lists; exactly if left out.
    """
    header, histories = records.header, records.histories
    plays_now = np.repeat(header["plays"].astype(np.int64), np.diff(histories.starts))
    objective = generation.manifest.objective
    weights = decayed(histories.values, plays_now - histories.touched_at_play, objective.half_life_plays)
    rows = generation.rows_of(histories.item_keys)
    records.vectors[header["generation_key"] != generation.key] = 0  # another generation's vector means nothing here
    fold_in(
        histories.starts, rows, weights, generation.item_factors, generation.gram_diagonal, objective, records.vectors
    )
    header["generation_key"] = generation.key
    rank = ranker.top_n if ranker is not None else exact
    best, scores = rank(generation, records.vectors, histories.starts, rows, list_n)
    personal = n_known(histories.starts, rows) > 0
    if not personal.all():
        popular = generation.popular_rows[:list_n]
        best[~personal], scores[~personal] = -1, -np.inf
        best[~personal, : len(popular)] = popular
        scores[~personal, : len(popular)] = generation.popularity[popular]
    return Lists(best, scores, personal)


_GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2^64 divided by the golden ratio: Knuth's multiplicative hash


def fingerprints(lists: Lists, generation: Generation) -> NDArray[np.uint64]:
    """Return a number for every list that tells one sequence of items from another; never 0."""
    keys = np.where(lists.rows >= 0, generation.item_keys[lists.rows], np.uint64(0))
    places = np.cumprod(np.full(lists.rows.shape[1], _GOLDEN))
    mixed: NDArray[np.uint64] = np.maximum((keys * places).sum(axis=1, dtype=np.uint64), np.uint64(1))
    return mixed
