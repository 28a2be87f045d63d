"""Models on plays of listeners with tastes."""

from pathlib import Path

import numpy as np

from jobs.histories.training_set import TrainingSet, training_set_of
from jobs.retraining.gate import (
    ScoredModel,
)
from jobs.retraining.train import TrainedFactors, TrainingRecord
from model.arrays import Floats
from model.diagonal_basis import diagonalise, rotate
from model.objective import Objective
from tests.support.settings import settings_with
from tests.support.snapshots import Played, snapshot_of

OBJECTIVE = Objective(factors=8, iterations=5, half_life_plays=float("inf"))
TASTES, N_ITEMS = 4, 80


def tasteful(n_users: int = 200, n_plays: int = 12) -> Played:
    """Return listeners with items of one taste each, so that their next item can be predicted."""
    rng = np.random.default_rng(0)
    items_by_taste = np.arange(N_ITEMS).reshape(-1, TASTES)
    return {
        f"u{user:03}": [f"i{item}" for item in rng.permutation(items_by_taste[:, user % TASTES])[:n_plays]]
        for user in range(n_users)
    }


def training_set(folder: Path, plays: Played) -> TrainingSet:
    """Return a training set that holds everybody's latest item out."""
    return training_set_of(snapshot_of(folder, plays), settings_with(gate_share=0.05))


def model_of(interactions: TrainingSet, item_factors: Floats) -> ScoredModel:
    """Return the model of item factors, which may be in any basis."""
    rotation, diagonal = diagonalise(item_factors, OBJECTIVE.gram_scale)
    record = TrainingRecord(objective=OBJECTIVE, tuned=False, parent=None, started_from=None)
    return ScoredModel.of_training(interactions, TrainedFactors(rotate(item_factors, rotation), diagonal, record))
