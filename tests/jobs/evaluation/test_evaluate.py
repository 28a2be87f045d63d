"""Several models on the same plays: in total, over time, and by the length of the history."""

import numpy as np
import pytest

from jobs.evaluation.evaluate import PARTS, evaluate
from jobs.progress import JobProgress
from model.evaluation.event_log import split_events
from model.evaluation.prequential import popular_ranks
from model.evaluation.rank_metrics import QualityError, hit_rate, mean_reciprocal_rank
from state.generations.manifest import Estimate
from tests.support.tastes import N_EVENTS, drawn_events

N_TRAINED = N_EVENTS * 7 // 10


def test_the_rows_are_those_of_the_models() -> None:
    """In their order, each with the figures of its ranks; the counts are of the split."""
    split = split_events(drawn_events(), N_TRAINED)
    ranks = popular_ranks(split)
    best = np.ones(len(ranks), np.int64)

    evaluation = evaluate(split, {"popular": lambda: ranks, "perfect": lambda: best})

    assert N_TRAINED == evaluation.n_trained
    assert int(split.scored.sum()) == evaluation.n_events
    assert split.n_items == evaluation.n_items
    assert ["popular", "perfect"] == [row.name for row in evaluation.rows]
    popular, perfect = evaluation.rows
    assert Estimate(*hit_rate(ranks, 10, split.n_items)) == popular.hit_at_10
    assert Estimate(*hit_rate(ranks, 20, split.n_items)) == popular.hit_at_20
    assert Estimate(*mean_reciprocal_rank(ranks, 20, split.n_items)) == popular.mrr_at_20
    assert 1.0 == perfect.mrr_at_20.value


def test_equal_parts_in_the_order_of_time() -> None:
    """The first part has the earliest events, and all parts together are all events."""
    split = split_events(drawn_events(), N_TRAINED)
    n = int(split.scored.sum())
    ranks = np.zeros(n, np.int64)
    ranks[: n // 2] = 1

    (row,) = evaluate(split, {"early": lambda: ranks}).rows

    sizes = [part.n_events for part in row.over_time]
    assert PARTS == len(sizes)
    assert n == sum(sizes)
    assert max(sizes) - min(sizes) <= 1
    assert [1.0] * 9 == [part.hit_at_20.value for part in row.over_time[:9]]
    assert [0.0] * 9 == [part.hit_at_20.value for part in row.over_time[-9:]]


def test_listeners_are_told_apart_by_the_items_they_had_played() -> None:
    """Up to 4, up to 19, or more; a hit counts where it happened."""
    events = drawn_events()
    split = split_events(events, 300)
    lengths, scored_at = [], np.sort(split.places[split.scored])
    for place in scored_at.tolist():
        before = events.item_keys[:place][events.users[:place] == events.users[place]]
        lengths.append(len(np.unique(before)))
    kinds = np.searchsorted([5, 20], lengths, side="right")
    ranks = np.where(kinds == 1, 20, 21)

    (row,) = evaluate(split, {"few": lambda: ranks}).rows

    assert ["new", "few"] == [part.name for part in row.by_history[:2]]
    assert np.bincount(kinds).tolist() == [part.n_events for part in row.by_history]
    assert [0.0, 1.0] == [part.hit_at_20.value for part in row.by_history[:2]]


def test_parts_without_events_are_left_out() -> None:
    """A part of nothing has no hit rate."""
    split = split_events(drawn_events(), N_EVENTS - 10)
    ranks = popular_ranks(split)

    (row,) = evaluate(split, {"popular": lambda: ranks}).rows

    assert len(ranks) == len(row.over_time)
    assert all(part.n_events for part in (*row.over_time, *row.by_history))


def test_every_model_is_reported() -> None:
    """The progress has the number of models, and the end."""
    split, reported = split_events(drawn_events(), N_TRAINED), list[JobProgress]()

    evaluate(split, dict.fromkeys(("one", "other"), lambda: popular_ranks(split)), reported.append)

    assert [
        JobProgress("streaming: one", 0, 2),
        JobProgress("streaming: other", 1, 2),
        JobProgress("streamed", 2, 2),
    ] == reported


def test_nothing_to_stream_is_an_error() -> None:
    """There is no figure of no event."""
    split = split_events(drawn_events(), N_EVENTS)

    with pytest.raises(QualityError, match="There are no ranks to judge"):
        evaluate(split, {"popular": lambda: popular_ranks(split)})
