"""Training again and again while the plays stream."""

import numpy as np

from model.evaluation.event_log import split_events
from model.evaluation.periodic_retraining import retrained_ranks
from model.evaluation.prequential import fold_in_ranks, train_on
from model.evaluation.rank_metrics import MISS
from tests.support.ranks import assert_same_ranks, scores_of_fold_in
from tests.support.tastes import N_EVENTS, SMALL, drawn_events

N_TRAINED, SEED = N_EVENTS * 7 // 10, 4


def test_one_part_is_a_fold_in() -> None:
    """The training before the stream is the first of all."""
    split = split_events(drawn_events(), N_TRAINED)
    factors = train_on(split, SMALL, np.random.default_rng(SEED))

    assert fold_in_ranks(split, factors, SMALL).tolist() == retrained_ranks(split, SMALL, SEED, parts=1).tolist()


def test_every_part_is_ranked_by_a_training_on_all_before_it() -> None:
    """As if the events had been cut there from the beginning, but for the items, which stay."""
    events, reported = drawn_events(), list[int]()
    split = split_events(events, N_TRAINED)
    known = np.isin(events.item_keys, split.vocabulary)

    ranks = retrained_ranks(split, SMALL, SEED, parts=3, progress=reported.append)

    for low, high in ((N_TRAINED, 800), (800, 900), (900, N_EVENTS)):
        alone = split_events(events.part(known & (np.arange(N_EVENTS) < low)), int(known[:low].sum()))
        assert alone.vocabulary.tolist() == split.vocabulary.tolist()
        factors = train_on(alone, SMALL, np.random.default_rng(SEED))
        part = split.scored & (split.places >= low) & (split.places < high)
        in_time = part[split.scored][np.argsort(split.places[split.scored])]
        assert_same_ranks(*scores_of_fold_in(split._replace(scored=part), factors, SMALL), ranks[in_time])
    assert [0, 1, 2] == reported
    assert split.scored.sum() == len(ranks)
    assert MISS in ranks


def test_nothing_scored_is_no_rank() -> None:
    """The metrics of the ranks raise the error."""
    assert [] == retrained_ranks(split_events(drawn_events(), N_EVENTS), SMALL, SEED, parts=2).tolist()
