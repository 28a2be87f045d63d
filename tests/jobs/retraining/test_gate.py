"""The gate rejects a worse candidate, and accepts one that it cannot compare."""

from pathlib import Path

import numpy as np
import pytest

from jobs.histories.training_set import TrainingSet, training_set_of
from jobs.retraining.gate import (
    HoldOut,
    ScoredModel,
    hold_out_of,
    rank,
)
from jobs.retraining.train import TrainedFactors, TrainingRecord
from model.decay import NO_DECAY
from model.diagonal_basis import diagonalise, rotate
from model.evaluation.rank_metrics import MISS, QualityError
from model.history import Histories
from model.item_weights import item_weights
from model.objective import Objective
from model.ragged import RaggedRows
from tests.jobs.retraining.gated_models import OBJECTIVE, model_of, tasteful, training_set
from tests.support.generations import make_generation
from tests.support.ranks import assert_same_ranks, scores_of_vectors
from tests.support.settings import settings_with
from tests.support.snapshots import snapshot_of


@pytest.fixture(scope="module")
def interactions(tmp_path_factory: pytest.TempPathFactory) -> TrainingSet:
    """Give all tests the same listeners."""
    return training_set(tmp_path_factory.mktemp("snapshot"), tasteful())


def test_the_latest_item_of_each_listener_is_held_out(interactions: TrainingSet) -> None:
    """As they were before it."""
    hold_out = hold_out_of(interactions)

    assert 200 == len(hold_out.item_keys)
    assert [11] * 200 == np.diff(hold_out.histories.starts).tolist()
    assert {11} == set(hold_out.plays_before.tolist())
    last = tasteful()["u000"][-1]
    assert last == interactions.item_ids[int(np.searchsorted(interactions.item_keys, hold_out.item_keys[0]))]


def test_ranks_are_those_of_a_plain_solve(interactions: TrainingSet) -> None:
    """Folded in densely, sorted whole, known items left out; recency as of the moment before."""
    recent = Objective(factors=8, half_life_plays=3.0)
    drawn = np.random.default_rng(3).standard_normal((interactions.n_items, 8)).astype(np.float32)
    rotation, diagonal = diagonalise(drawn, recent.gram_scale)
    record = TrainingRecord(objective=recent, tuned=False, parent=None, started_from=None)
    ours = ScoredModel.of_training(interactions, TrainedFactors(rotate(drawn, rotation), diagonal, record))
    hold_out = hold_out_of(interactions)

    ranks = rank(ours, hold_out).ranks

    for user in (0, 7, 199):
        part = slice(hold_out.histories.starts[user], hold_out.histories.starts[user + 1])
        rows = np.searchsorted(interactions.item_keys, hold_out.histories.item_keys[part])
        weights = 0.5 ** ((11 - hold_out.histories.touched_at_play[part].astype(float)) / 3)
        y = ours.item_factors[rows].astype(np.float64)
        c = np.log2(1 + weights)
        left = np.diag(diagonal.astype(np.float64)) + (y.T * c) @ y + np.eye(8) * recent.regularization * len(rows)
        known = RaggedRows(np.array([0, len(rows)]), rows.astype(np.int32))
        scores = scores_of_vectors(np.linalg.solve(left, c @ y)[None], ours.item_factors, known)
        played = np.searchsorted(interactions.item_keys, hold_out.item_keys[[user]]).astype(np.int32)
        assert_same_ranks(scores, played, ranks[[user]])


def test_an_unknown_item_is_a_miss(interactions: TrainingSet, tmp_path: Path) -> None:
    """Of the generation that does not know it, and of nobody else."""
    serving = ScoredModel.of_generation(make_generation(tmp_path, n_items=40))
    hold_out = hold_out_of(interactions)

    ranks = rank(serving, hold_out).ranks

    unknown = serving.rows_of(hold_out.item_keys) < 0
    assert 0 < unknown.sum() < len(ranks)
    np.testing.assert_array_equal(unknown, ranks == MISS)


def test_scores_that_are_not_finite_are_an_error(interactions: TrainingSet) -> None:
    """A diverged training would look excellent."""
    drawn = np.full((interactions.n_items, 8), np.nan, np.float32)
    record = TrainingRecord(objective=OBJECTIVE, tuned=False, parent=None, started_from=None)
    diverged = ScoredModel.of_training(interactions, TrainedFactors(drawn, np.ones(8, np.float32), record))

    with pytest.raises(QualityError, match="not a finite number"):
        rank(diverged, hold_out_of(interactions))


def test_repeats_before_the_held_out_item_are_weighed_by_each_model(tmp_path: Path) -> None:
    """A later repeat is known and says nothing of that moment; the half-life is that of the model, not the settings."""
    plays = {"ann": ["x", "y", "x", "z", "y"], "ben": ["x", "y", "v", "w"], "cem": [f"i{item}" for item in range(60)]}
    interactions = training_set_of(snapshot_of(tmp_path, plays), settings_with(gate_share=0.05, half_life_plays=9.0))
    hold_out = hold_out_of(interactions)
    factors = np.random.default_rng(7).standard_normal((interactions.n_items, 8)).astype(np.float32)

    assert ["z", "w", "i59"] == [
        interactions.item_ids[row] for row in np.searchsorted(interactions.item_keys, hold_out.item_keys)
    ]
    assert [3, 3, 59] == hold_out.plays_before.tolist()
    assert [0, 3, 6, 65] == hold_out.histories.starts.tolist()
    assert [0, 4, 7, 66] == hold_out.known_starts.tolist()
    ranks_of_ann = set()
    for half_life in (0.5, 3.0, 9.0):
        objective = Objective(factors=8, half_life_plays=half_life)
        rotation, diagonal = diagonalise(factors, objective.gram_scale)
        items = rotate(factors, rotation)
        rows = [interactions.item_ids.index(item) for item in ("x", "y")]
        weights = np.array([1 + 0.5 ** (2 / half_life), 0.5 ** (1 / half_life)])
        y, c = items[rows].astype(np.float64), np.log2(1 + weights)
        left = np.diag(diagonal.astype(np.float64)) + (y.T * c) @ y + np.eye(8) * objective.regularization * 2
        known = RaggedRows(np.array([0, len(rows)]), np.array(rows, np.int32))
        scores = scores_of_vectors(np.linalg.solve(left, c @ y)[None], items, known)
        record = TrainingRecord(objective=objective, tuned=False, parent=None, started_from=None)
        model = ScoredModel.of_training(interactions, TrainedFactors(items, diagonal, record))

        ranks = rank(model, hold_out).ranks

        assert_same_ranks(scores, np.array([interactions.item_ids.index("z")], np.int32), ranks[:1])
        ranks_of_ann.add(int(ranks[0]))
    assert 3 == len(ranks_of_ann), "the half-lives have to give different ranks"


def test_a_listener_with_likes_and_no_play_has_no_play_before_the_held_out_item() -> None:
    """The likes before it have their whole weight at that moment."""
    likes = np.array([5, 6, 7], np.uint64), np.full(3, 0.5, np.float32), np.zeros(3, np.uint32), np.ones(3, np.uint32)
    rows, keys = np.array([0, 1, 2], np.int32), np.array([5, 6, 7], np.uint64)
    liked = TrainingSet(
        Histories(np.array([0, 3]), *likes),
        np.zeros(1, np.uint32),
        rows,
        keys,
        ["x", "y", "z"],
        np.ones(1, np.bool_),
        np.array([2]),
        np.ones(1, np.uint64),
    )

    hold_out = hold_out_of(liked)

    assert [0] == hold_out.plays_before.tolist()
    items = item_weights(hold_out.histories, OBJECTIVE.half_lives)
    assert [0, 0] == items.present(hold_out.plays_before, hold_out.latest_s, NO_DECAY).ages_in_plays.tolist()


def test_listeners_without_a_held_out_item_are_not_ranked() -> None:
    """Without a gate there are none."""
    columns = np.array([5, 6], np.uint64), np.ones(2, np.float32), np.array([1, 2], np.uint32), np.ones(2, np.uint32)
    histories = Histories(np.array([0, 2]), *columns)
    rows, keys = np.array([0, 1], np.int32), np.array([5, 6], np.uint64)
    without_hold_out = TrainingSet(
        histories, np.array([2]), rows, keys, ["x", "y"], np.ones(1, np.bool_), np.array([-1]), np.ones(1, np.uint64)
    )

    hold_out = hold_out_of(without_hold_out)

    assert isinstance(hold_out, HoldOut)
    assert 0 == len(hold_out.item_keys)
    assert 0 == len(rank(model_of(without_hold_out, np.ones((2, 8), np.float32)), hold_out).ranks)
