"""From a snapshot to a generation, and back to the listeners: trainer and stream agree."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from jobs.history import HistorySnapshot
from jobs.retrain import (
    NothingToTrainError,
    TrainingSet,
    catalog_of,
    describe,
    objective_of,
    train_factors,
    training_set,
)
from model.objective import Objective, Rule
from model.training import Progress, TrainingError
from state.generation import open_generation, write_generation
from state.keys import item_key
from state.relist import relist
from state.user_record import HistoryEntry, UserRecord
from state.user_records import unpack
from streams.settings import Settings
from tests.state.builders import FIRST_ID

SETTINGS = Settings(factors=8, half_life_plays=float("inf"), iterations=3)
NOW_MS = 1_767_225_600_000


def snapshot_of(plays: dict[str, list[str]]) -> HistorySnapshot:
    """Return what the changelog holds of listeners who played items in this order."""
    snapshot = HistorySnapshot(read_through={0: 5, 2: 9})
    for user, items in plays.items():
        last = {item: number for number, item in enumerate(items, 1)}
        history = [
            HistoryEntry(item_key(item), float(items.count(item)), number, 100)
            for item, number in sorted(last.items(), key=lambda found: found[1])
        ]
        snapshot.users[user.encode()] = UserRecord(plays=len(items), history=history).encode()
        snapshot.item_ids |= {item_key(item): item for item in items}
    return snapshot


def drawn(n_users: int = 60, n_items: int = 30) -> HistorySnapshot:
    """Return listeners who play items by a power law, some of them often."""
    rng = np.random.default_rng(0)
    rows = (rng.pareto(0.7, (n_users, 15)).astype(int) % n_items).tolist()
    return snapshot_of({f"u{user}": [f"i{row}" for row in items] for user, items in enumerate(rows)})


def silent(_: Progress) -> None:
    """Tell nobody."""


def test_a_training_set_has_a_row_for_every_item(tmp_path: Path) -> None:
    """Users by key, items by theirs, each entry at its item; values as they were when last touched."""
    assert tmp_path.exists()
    found = training_set(snapshot_of({"ben": ["x", "y", "x"], "ann": ["y"], "cem": []}), SETTINGS)

    played = [found.item_ids[row] for row in found.rows]
    matrix = found.matrix(0)
    assert (["y", "y", "x"], [0, 1, 3, 3]) == (played, matrix.starts.tolist())
    assert [1.0, 1.0, 2.0] == matrix.weights.tolist()
    assert {"x", "y"} == set(found.item_ids)
    assert sorted(map(item_key, found.item_ids)) == [item_key(item_id) for item_id in found.item_ids]


def test_windows_come_behind_the_listeners() -> None:
    """As many first rows as there are listeners, whatever the setting."""
    found = training_set(snapshot_of({"ann": [f"i{n}" for n in range(6)]}), SETTINGS)

    assert [0, 6] == found.matrix(0).starts.tolist()
    assert [0, 6] == found.matrix(3).starts.tolist()[:2]
    assert 12 == len(found.matrix(3).rows)


@pytest.mark.parametrize("plays", [{}, {"ann": []}])
def test_nothing_to_train_on_is_a_sentence(plays: dict[str, list[str]]) -> None:
    """No listener, or none with a history."""
    with pytest.raises(NothingToTrainError) as caught:
        training_set(snapshot_of(plays), SETTINGS)

    expected = "The changelog of group playfold holds no plays: replay some and run a worker first."
    assert expected == str(caught.value)


def test_the_objective_is_that_of_the_settings() -> None:
    """Every hyperparameter of the objective is a setting of the same name."""
    names = set(Objective.__dataclass_fields__)
    changed = Settings(
        rule="hkv",
        factors=6,
        regularization=0.5,
        unobserved_weight=0.25,
        alpha=3.0,
        iterations=2,
        half_life_plays=7.0,
        window_plays=9,
    )

    assert names <= set(Settings.__struct_fields__)
    expected = {name: getattr(changed, name) for name in names}
    assert expected == {name: getattr(objective_of(changed), name) for name in names}
    assert not [name for name in names if getattr(changed, name) == getattr(Settings(), name)]


@pytest.mark.parametrize("rule", ["ials", "hkv"])
@pytest.mark.parametrize("window_plays", [0, 5])
def test_folding_in_gives_the_trained_vectors(tmp_path: Path, rule: Rule, window_plays: int) -> None:
    """Through the generation on disk and the worker's own path, without decay: what was trained is what is served."""
    settings = msgspec.structs.replace(SETTINGS, rule=rule, window_plays=window_plays)
    snapshot = drawn()
    found, objective = training_set(snapshot, settings), objective_of(settings)
    factors = train_factors(found, objective, 1, silent)
    manifest = describe(found, snapshot, objective, FIRST_ID, None, NOW_MS)
    write_generation(tmp_path / FIRST_ID, manifest, catalog_of(found, factors))

    records = unpack([snapshot.users[key] for key in sorted(snapshot.users)], settings.factors)
    relist(records, open_generation(tmp_path / FIRST_ID), 5)

    scale = float(np.abs(factors.user_factors).max())
    trained = factors.user_factors[: len(records)]
    np.testing.assert_allclose(records.vectors / scale, trained / scale, atol=1e-4)


def test_the_same_set_gives_the_same_factors() -> None:
    """Bit for bit, whatever the number of threads; every half-sweep is told."""
    found, objective = training_set(drawn(), SETTINGS), objective_of(SETTINGS)
    told: list[Progress] = []

    first = train_factors(found, objective, 1, told.append)
    second = train_factors(found, objective, 2, silent)

    assert 2 * objective.iterations == len(told)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_generation_describes_its_training() -> None:
    """Where the changelog was read to, what was minimised, and how much there was."""
    snapshot = snapshot_of({"ann": ["x", "y", "x"], "ben": ["y"]})
    found = training_set(snapshot, SETTINGS)

    manifest = describe(found, snapshot, objective_of(SETTINGS), FIRST_ID, "parent", NOW_MS)

    assert (FIRST_ID, "parent", NOW_MS, {0: 5, 2: 9}) == (
        manifest.generation_id,
        manifest.parent,
        manifest.created_at_ms,
        manifest.trained_through,
    )
    assert (2, 2, 4) == (manifest.n_users, manifest.n_items, manifest.n_plays)
    assert objective_of(SETTINGS) == manifest.objective


def test_popularity_counts_all_plays_of_an_item() -> None:
    """Of all listeners, without recency."""
    found = training_set(snapshot_of({"ann": ["x", "y", "x"], "ben": ["x"]}), SETTINGS)

    catalog = catalog_of(found, train_factors(found, objective_of(SETTINGS), 1, silent))

    assert {"x": 3.0, "y": 1.0} == dict(zip(catalog.item_ids, catalog.popularity.tolist(), strict=True))


def test_a_history_that_is_not_finite_is_an_error() -> None:
    """It is said before anything is published."""
    found = training_set(snapshot_of({"ann": ["x", "y"]}), SETTINGS)
    found.records.histories.values[0] = np.nan

    with pytest.raises(TrainingError, match="not a finite number"):
        train_factors(TrainingSet(*found), objective_of(SETTINGS), 1, silent)
