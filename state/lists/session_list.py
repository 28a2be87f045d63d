"""A list for the items of one session: no listener is named, and nothing is stored."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from model.arrays import Floats, Keys, Rows, Starts, starts_of
from model.fold_in import fold_in
from model.history import Histories
from model.ragged import WeightedRows
from state.generations.generation import Generation
from state.keys import item_key
from state.lists.build import ListBuilder, kinds_of
from state.lists.context import ListContext
from state.users.record_batch import UserRecords, new_users


class SessionList(NamedTuple):
    """The list for some items, best first."""

    kind: str
    """As of `streams.messages.records.Recommendations`; `popular` if none of the items is known."""
    items: list[str]
    scores: list[float]
    unknown: list[str]
    """The given items that the generation does not know."""


def session_list(
    builder: ListBuilder, context: ListContext, item_ids: Sequence[str], weights: Sequence[float] | None = None
) -> SessionList:
    """Return the list of a hypothetical listener with plays of these items only.

    A worker would build the same list for such a listener. It contains neither these items nor unlisted ones.

    Args:
        builder: Builds the list.
        context: The generation, and the time at which items have to be available.
        item_ids: The items; a repeated item counts as often as it is named.
        weights: The weight of each item, more than 0; 1 each if left out. All are equally recent.

    Raises:
        ValueError: There are not as many weights as items, or one is not above 0.
    """
    worth = np.ones(len(item_ids), np.float32) if weights is None else np.asarray(weights, np.float32)
    if worth.shape != (len(item_ids),) or not (worth > 0).all():
        message = f"{len(item_ids)} items need as many weights above 0, not {list(weights or ())}."
        raise ValueError(message)
    return _lists_of(builder, context, [item_ids], worth)[0]


def session_lists(builder: ListBuilder, context: ListContext, sessions: Sequence[Sequence[str]]) -> list[SessionList]:
    """Return the list of every session, as `session_list` returns it, in the time of one batch of users.

    Args:
        builder: Builds the lists.
        context: The generation, and the time at which items have to be available.
        sessions: The items of each.
    """
    return _lists_of(builder, context, sessions, np.ones(sum(map(len, sessions)), np.float32))


def rank_candidates(
    generation: Generation, item_ids: Sequence[str], candidate_ids: Sequence[str], weight_max: float
) -> SessionList:
    """Rank all candidates, best first, for a hypothetical listener with plays of these items only.

    If none of the played items is known, the candidates are ranked by popularity in the training, and the kind is
    `popular`. Candidates that the generation does not know are left out, and named among the unknown items.

    Args:
        generation: The generation in service.
        item_ids: The items; a repeated item counts as often as it is named, up to `weight_max`.
        candidate_ids: The items to rank.
        weight_max: Largest weight of one item, as in the lists of a worker.
    """
    names = list(dict.fromkeys(candidate_ids))
    played, candidates = generation.rows_of(_keys(item_ids)), generation.rows_of(_keys(names))
    unknown = [
        item_id
        for item_id, row in zip([*item_ids, *names], [*played.tolist(), *candidates.tolist()], strict=True)
        if row < 0
    ]
    rows, is_known = candidates[candidates >= 0], bool((played >= 0).any())
    scores = (
        generation.item_factors[rows] @ _vector(generation, played, weight_max)
        if is_known
        else generation.popularity[rows]
    )
    order = np.argsort(-scores, kind="stable")
    kind, items = "personal" if is_known else "popular", generation.item_ids[rows[order]].tolist()
    return SessionList(kind, items, scores[order].tolist(), list(dict.fromkeys(unknown)))


def _vector(generation: Generation, rows: Rows, weight_max: float) -> Floats:
    """Return the vector of a listener whose last play was of all these items at once, repeats included."""
    played, counts = np.unique(rows[rows >= 0], return_counts=True)
    objective = generation.manifest.objective
    signals = WeightedRows(np.array([0, len(played)]), played, np.minimum(counts, weight_max).astype(np.float32))
    x = np.zeros((1, objective.factors), np.float32)
    vector: Floats = fold_in(signals, generation.fixed_items, objective, x)[0]
    return vector


def _keys(item_ids: Sequence[str]) -> Keys:
    return np.array([item_key(item_id) for item_id in item_ids], np.uint64)


def _lists_of(
    builder: ListBuilder, context: ListContext, sessions: Sequence[Sequence[str]], weights: Floats
) -> list[SessionList]:
    """Return the list of every session; `weights` has one number for each of all their items."""
    generation = context.generation
    item_ids = [item_id for session in sessions for item_id in session]
    starts, keys = starts_of(np.fromiter(map(len, sessions), np.int64, len(sessions))), _keys(item_ids)
    unknown: list[dict[str, None]] = [{} for _ in sessions]
    for place in (generation.rows_of(keys) < 0).nonzero()[0].tolist():
        unknown[int(starts.searchsorted(place, side="right")) - 1][item_ids[place]] = None
    lists = builder.build(_listeners_of(starts, keys, weights, generation.manifest.objective.factors), context)
    is_listed = lists.rows >= 0
    ends, items = starts_of(is_listed.sum(axis=1)).tolist(), generation.item_ids[lists.rows[is_listed]].tolist()
    scores = lists.scores[is_listed].tolist()
    return [
        SessionList(kind, items[low:high], scores[low:high], list(strangers))
        for kind, (low, high), strangers in zip(kinds_of(lists), pairwise(ends), unknown, strict=True)
    ]


def _listeners_of(starts: Starts, item_keys: Keys, weights: Floats, factors: int) -> UserRecords:
    """Return records of listeners whose last play was of all their items at once."""
    records = new_users(len(starts) - 1, factors)
    records.header["plays"] = 1
    times = np.ones(len(item_keys), np.uint32)
    records.histories = Histories(starts, item_keys, weights, times, times)
    return records
