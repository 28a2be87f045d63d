"""Users folded in and ranked under one generation."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.arrays import Flags, Floats, Rows, Starts
from model.fold_in import fold_in, n_known
from model.objective import Objective, against
from model.weights import decayed
from state.generation import Generation
from state.ranker import Ranker, exact
from state.user_records import Ragged, UserRecords
from state.wishes import cooling
from streams.settings import Settings


class Lists(NamedTuple):
    """The lists of `n` users under one generation."""

    rows: Rows  # (n, list_n), item rows; -1 pads a list that ran out of items
    scores: Floats  # (n, list_n)
    personal: NDArray[np.bool_]  # (n,), False where the list is the popular one


def relist(records: UserRecords, generation: Generation, settings: Settings, ranker: Ranker | None = None) -> Lists:
    """Fold users into a generation, in place, and rank its items for them.

    The vectors, and the generation that they belong to, are written into `records`. A user of whom the generation
    knows no item gets the popular list; its scores are the items' popularity.

    Args:
        records: The users.
        generation: The generation, at the revision that says which items are withdrawn.
        settings: How long a list is, and what is left out of it.
        ranker: Ranks the lists; exactly if left out.
    """
    header, histories, list_n = records.header, records.histories, settings.list_n
    objective = generation.manifest.objective
    rows, weights = generation.rows_of(histories.item_keys), weights_now(records, objective)
    records.vectors[header["generation_key"] != generation.key] = 0  # another generation's vector means nothing here
    fold_in(
        histories.starts, rows, weights, generation.item_factors, generation.gram_diagonal, objective, records.vectors
    )
    header["generation_key"] = generation.key
    rank = ranker.top_n if ranker is not None else exact
    unwanted = unwanted_rows(records, generation, settings)
    best, scores = rank(generation, records.vectors, *joined((histories.starts, rows), unwanted), list_n)
    personal = n_known(histories.starts, np.where(against(weights), -1, rows)) > 0
    for u in np.flatnonzero(~personal):
        mine = unwanted[1][unwanted[0][u] : unwanted[0][u + 1]]
        popular = generation.popular_rows[~np.isin(generation.popular_rows, mine)][:list_n]
        best[u], scores[u] = -1, -np.inf
        best[u, : len(popular)], scores[u, : len(popular)] = popular, generation.popularity[popular]
    return Lists(best, scores, personal)


def weights_now(records: UserRecords, objective: Objective) -> Floats:
    """Return what every entry of the users' histories is worth now, shape (h,)."""
    header, histories = records.header, records.histories
    n_entries = np.diff(histories.starts)
    plays = np.repeat(header["plays"].astype(np.int64), n_entries) - histories.touched_at_play
    seconds = np.repeat(header["last_played_s"].astype(np.int64), n_entries) - histories.last_played_s
    return decayed(histories.values, plays, objective.half_life_plays, seconds, objective.half_life_s)


def unwanted_rows(records: UserRecords, generation: Generation, settings: Settings) -> tuple[Starts, Rows]:
    """Return the rows of what users have hidden, and of what was shown to them too often, user after user."""
    shown, cooldown = records.shown, (settings.cooldown_shows, settings.cooldown_plays)
    out = cooling(shown, records.header["plays"], cooldown)
    cooled = np.concatenate(([0], np.cumsum(out)))[shown.starts], generation.rows_of(shown.item_keys[out])
    return joined((records.hidden.starts, generation.rows_of(records.hidden.values)), cooled)


def joined(some: tuple[Starts, Rows], others: tuple[Starts, Rows]) -> tuple[Starts, Rows]:
    """Return compressed rows that hold those of both, for each user.

    >>> starts, rows = joined((np.array([0, 1, 2]), np.array([5, 6])), (np.array([0, 0, 1]), np.array([7])))
    >>> starts.tolist(), rows.tolist()
    ([0, 1, 3], [5, 6, 7])
    """
    if not len(others[1]):
        return some
    owners = [np.repeat(np.arange(len(starts) - 1), np.diff(starts)) for starts, _ in (some, others)]
    order = np.argsort(np.concatenate(owners), kind="stable")
    return some[0] + others[0], np.concatenate((some[1], others[1]))[order]


def remember(listed: Ragged, lists: Lists, due: Flags, generation: Generation) -> Ragged:
    """Return the marks of the lists that users have once those that are due are published."""
    lengths = np.where(due, (lists.rows >= 0).sum(axis=1), np.diff(listed.starts))
    width = max(lists.rows.shape[1], int(np.diff(listed.starts).max(initial=0)))
    marks, places = np.zeros((len(due), width), np.uint32), np.arange(width)
    marks[places < np.diff(listed.starts)[:, None]] = listed.values
    marks[due, : lists.rows.shape[1]] = generation.marks[lists.rows[due]]
    return Ragged(np.concatenate(([0], np.cumsum(lengths))), marks[places < lengths[:, None]])


_GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2^64 divided by the golden ratio: Knuth's multiplicative hash


def fingerprints(lists: Lists, generation: Generation) -> NDArray[np.uint64]:
    """Return a number for every list that tells one sequence of items from another; never 0."""
    keys = np.where(lists.rows >= 0, generation.item_keys[lists.rows], np.uint64(0))
    places = np.cumprod(np.full(lists.rows.shape[1], _GOLDEN))
    mixed: NDArray[np.uint64] = np.maximum((keys * places).sum(axis=1, dtype=np.uint64), np.uint64(1))
    return mixed
