"""Trainings, and their initial factors."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from jobs.histories.training_set import NOTHING_HELD_OUT, TrainingSet, training_set_of
from jobs.retraining.train import TrainedFactors, TrainingRecord, train_histories, warm_start
from jobs.seed import SEED
from model.evaluation import prequential
from model.evaluation.event_log import events_of, split_events
from model.history import Histories, Plays, add_plays
from model.objective import Objective
from model.training import Progress, TrainingError
from state.generations.generation import Catalog, Generation, open_generation, write_generation
from state.keys import item_key
from tests.support.generations import FIRST_ID, manifest_of
from tests.support.settings import settings_with
from tests.support.snapshots import drawn_plays, snapshot_of

OBJECTIVE = Objective(factors=8, half_life_plays=float("inf"), iterations=3)


@pytest.fixture
def training_set(tmp_path: Path) -> TrainingSet:
    """Make a training set, with nothing held out."""
    return training_set_of(snapshot_of(tmp_path, drawn_plays()), settings_with(gate_share=0.0))


def generation(folder: Path, objective: Objective, item_ids: list[str]) -> Generation:
    """Write a generation of made-up factors for these items."""
    factors = np.random.default_rng(1).standard_normal((len(item_ids), objective.factors)).astype(np.float32)
    ones = np.ones(objective.factors, np.float32)
    catalog = Catalog(item_ids, factors, ones, np.ones(len(item_ids), np.float32))
    write_generation(folder / FIRST_ID, manifest_of(FIRST_ID, objective, len(item_ids)), catalog)
    return open_generation(folder / FIRST_ID)


def test_the_same_set_gives_the_same_factors(training_set: TrainingSet) -> None:
    """Bit for bit, for any number of threads; every half-sweep is reported."""
    reported: list[Progress] = []

    first = train_histories(training_set, OBJECTIVE, None, 1, reported.append)
    second = train_histories(training_set, OBJECTIVE, None, 2)

    assert 2 * OBJECTIVE.iterations == len(reported)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("half_lives", [(3.0, float("inf")), (1.0, 0.01), (float("inf"), float("inf"))])
@pytest.mark.parametrize("window_plays", [0, 6])
def test_a_night_trains_on_what_an_evaluation_trains_on(half_lives: tuple[float, float], window_plays: int) -> None:
    """The same signals, as histories or as events, with repeats and signals against items: the same factors."""
    rng = np.random.default_rng(5)
    n, users = 600, 25
    events = events_of(
        rng.integers(0, users, n),
        (rng.pareto(0.7, n) * 3).astype(np.uint64) % np.uint64(30),
        np.arange(n, dtype=np.uint32) * np.uint32(60),
        rng.choice([1.0, 1.0, 3.0, -1.0], n).astype(np.float32),
        rng.random(n) < 0.8,
    )
    split = split_events(events, n).with_signals()
    plays = Plays(split.starts, split.vocabulary[split.items], split.weights, split.played_at_s, split.counted)
    columns = np.zeros(0, np.uint64), np.zeros(0, np.float32), np.zeros(0, np.uint32), np.zeros(0, np.uint32)
    histories, made = add_plays(
        Histories(np.zeros(users + 1, np.int64), *columns), np.zeros(users, np.uint32), plays, n
    )
    everybody, nothing = np.ones(users, np.bool_), np.full(users, NOTHING_HELD_OUT)
    training_set = TrainingSet(
        histories, made, split.items, split.vocabulary, [], everybody, nothing, np.zeros(users, np.uint64)
    )
    objective = Objective(
        factors=8, half_life_plays=half_lives[0], half_life_days=half_lives[1], window_plays=window_plays, iterations=3
    )

    by_night = train_histories(training_set, objective)
    by_evaluation = prequential.train_on(split, objective, np.random.default_rng(SEED))

    assert by_night.item_factors.tobytes() == by_evaluation.item_factors.tobytes()


def test_a_history_that_is_not_finite_is_an_error(training_set: TrainingSet) -> None:
    """It is said before anything is published."""
    values = training_set.histories.values.copy()
    values[0] = np.nan
    spoilt = TrainingSet(**training_set._asdict() | {"histories": training_set.histories._replace(values=values)})

    with pytest.raises(TrainingError, match="not a finite number"):
        train_histories(spoilt, OBJECTIVE)


def test_a_training_comes_back_from_the_disk(tmp_path: Path) -> None:
    """A half-life that never ends, too."""
    record = TrainingRecord(objective=OBJECTIVE, tuned=True, parent="p", started_from=None)
    trained = TrainedFactors(np.ones((3, 8), np.float32), np.arange(8, dtype=np.float32), record)

    trained.save(tmp_path)

    loaded = TrainedFactors.load(tmp_path)
    assert record == loaded.record
    np.testing.assert_array_equal(trained.item_factors, loaded.item_factors)
    np.testing.assert_array_equal(trained.gram_diagonal, loaded.gram_diagonal)


def test_a_training_begins_with_what_is_in_service(tmp_path: Path) -> None:
    """Every item at its own row; zeros where the generation in service knows nothing."""
    serving = generation(tmp_path, OBJECTIVE, ["a", "b", "c"])
    keys = np.array([item_key(item) for item in ("c", "new", "a")], np.uint64)

    start = warm_start(serving, OBJECTIVE, keys)

    assert start is not None
    ids = serving.item_ids.tolist()
    expected = [serving.item_factors[ids.index("c")], np.zeros(8), serving.item_factors[ids.index("a")]]
    np.testing.assert_array_equal(expected, start)


@pytest.mark.parametrize(
    ("objective", "item"),
    [
        (dataclasses.replace(OBJECTIVE, factors=9), "a"),
        (dataclasses.replace(OBJECTIVE, rule="hkv"), "a"),
        (OBJECTIVE, "new"),
    ],
)
def test_a_training_begins_from_chance_where_nothing_fits(tmp_path: Path, objective: Objective, item: str) -> None:
    """Other factors, another rule, or no item in common."""
    serving = generation(tmp_path, OBJECTIVE, ["a"])

    assert warm_start(serving, objective, np.array([item_key(item)], np.uint64)) is None
    assert warm_start(None, objective, np.array([item_key(item)], np.uint64)) is None
