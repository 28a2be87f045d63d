"""Ranks in blended lists, by the protocol of `model/evaluation/prequential.py`."""

from typing import NamedTuple

import numpy as np

from model.arrays import Doubles, Flags, Floats, Rows, Starts
from model.blend import Blend
from model.equations import equations_of
from model.evaluation.event_log import Split
from model.evaluation.next_item_ranks import finite_ranks, rank_in, ranks_among
from model.evaluation.prequential import (
    POPULAR_HALF_LIFE_S,
    in_time_order,
    popularity_weights,
    scored_events,
    trained_popularity,
)
from model.kernel import kernel
from model.objective import Objective
from model.score_variance import variance_left
from model.solver import solve_rows
from model.training import Factors


def blended_ranks(split: Split, factors: Factors, objective: Objective, blend: Blend, threads: int = 1) -> Starts:
    """Rank every scored event's item as `fold_in_ranks` does, but blend the lists of listeners with few known items.

    The popularity of an item is the sum of all its plays before an event, each halved every 30 days. A listener
    without a known item gets the popular list. Arguments, result and errors are those of `fold_in_ranks`.
    """
    ranks, newcomers, n_scored = [np.zeros(0, np.int64)], [], 0
    items, prior = factors.items, float(objective.row_regularization(1))
    for events in scored_events(split, objective.half_life_plays, objective.half_life_s):
        equations = equations_of(events.signals, objective)
        x = solve_rows(equations, items, factors.user_factors[events.users], threads)
        ranks.append(ranks_among(x, items.factors, events.known, events.played_rows, threads))
        few = np.flatnonzero(equations.n_liked <= blend.items_max)
        newcomers.append(_Newcomers(n_scored + few, x[few], variance_left(equations.part(few), items, prior)))
        n_scored += len(x)
    in_turn = np.concatenate(ranks)
    if newcomers:
        _rank_in_time(split, newcomers, factors.item_factors, blend.strength, in_turn)
    return in_time_order(split, [finite_ranks(in_turn)])


class _Newcomers(NamedTuple):
    """Scored events of listeners with few known items."""

    numbers: Starts  # (n,), their numbers among all scored events, listener after listener
    x: Floats  # (n, f)
    left: Floats  # (n,), the share of variance left


def _rank_in_time(
    split: Split, newcomers: list[_Newcomers], item_factors: Floats, strength: float, ranks: Starts
) -> None:
    """Rank newcomers' items again, by blended scores as of each event's moment, into `ranks`."""
    numbers, x, left = (np.concatenate([part[i] for part in newcomers]) for i in range(3))
    newcomer_of = np.full(len(split.items), -1)
    newcomer_of[np.flatnonzero(split.scored)[numbers]] = np.arange(len(numbers))
    worth, order = popularity_weights(split, POPULAR_HALF_LIFE_S), np.argsort(split.places)
    ranks_again, plays = ranks[numbers], trained_popularity(split, worth)
    trained = split.places < split.n_trained
    per_listener = trained.sum() / max(len(np.unique(split.users[trained])), 1)
    columns = split.starts[split.users], split.rows, worth, split.new, newcomer_of
    _rank_blended(
        order[split.n_trained :],
        *columns,
        x,
        left * np.float32(strength),
        item_factors,
        plays,
        per_listener,
        ranks_again,
    )
    ranks[numbers] = ranks_again


@kernel
def _rank_blended(
    order: Starts,
    firsts: Starts,
    rows: Rows,
    worth: Doubles,
    new: Flags,
    newcomer_of: Starts,
    x: Floats,
    doubt: Floats,
    item_factors: Floats,
    plays: Doubles,
    per_listener: float,
    ranks: Starts,
) -> None:
    """Walk the streamed events in time; `plays` counts on, and `ranks` gets that of every newcomer's event."""
    open_to = np.ones(len(plays), np.bool_)
    for i in order:
        if rows[i] < 0:
            continue
        u = newcomer_of[i]
        if u >= 0:
            known = rows[firsts[i] : i][new[firsts[i] : i]]
            known = known[known >= 0]
            scores, part = np.dot(item_factors, x[u]), np.float32(1)
            if len(known) > 0:
                open_to[known] = False
                part = doubt[u] * max(scores[open_to].max(), np.float32(0))
                open_to[known] = True
            scale = per_listener / plays.sum()
            for item in range(len(scores)):
                scores[item] += part * min(plays[item] * scale, 1.0)
            ranks[u] = rank_in(scores, known, rows[i])
        plays[rows[i]] += worth[i]
