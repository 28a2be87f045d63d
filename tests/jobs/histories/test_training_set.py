"""The training set of a snapshot, and its agreement with the stream."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jobs.histories.training_set import (
    NOTHING_HELD_OUT,
    NothingToTrainError,
    TrainingSet,
    active_listeners,
    hold_out,
    in_gate,
    n_excluded,
    training_set_of,
)
from model.history import Histories
from model.objective import Objective, Rule
from model.training import train
from state.generations.generation import Catalog, open_generation, write_generation
from state.keys import item_key
from state.users.record_batch import unpack
from streams.settings import Settings, override
from tests.support.generations import FIRST_ID, build_lists, manifest_of
from tests.support.settings import settings_with
from tests.support.snapshots import drawn_plays, records_of, snapshot_of

NOW_S = 2_000_000_000
SETTINGS = settings_with(factors=8, half_life_plays=float("inf"), iterations=3, gate_share=0.0)
NO_WINDOWS = Objective(half_life_plays=float("inf"))
WINDOWS = replace(NO_WINDOWS, window_plays=3)
DAY_S = 86_400


def histories(*entries: list[tuple[float, int]]) -> Histories:
    """Return histories of values and the plays that touched them; items are numbered."""
    flat = [entry for history in entries for entry in history]
    return Histories(
        np.cumsum([0, *map(len, entries)]),
        np.arange(len(flat), dtype=np.uint64),
        np.array([value for value, _ in flat], np.float32),
        np.array([touched for _, touched in flat], np.uint32),
        np.zeros(len(flat), np.uint32),
    )


def test_a_training_set_has_a_row_for_every_item(tmp_path: Path) -> None:
    """Users by id, items by their keys, each entry at its item; the matrix has every item once."""
    snapshot = snapshot_of(tmp_path, {"ben": ["x", "y", "x"], "ann": ["y"], "cem": []})

    training_set = training_set_of(snapshot, SETTINGS)

    played = [training_set.item_ids[row] for row in training_set.rows]
    matrix = training_set.matrix(NO_WINDOWS)
    assert ["y", "x", "y", "x"] == played
    assert [0, 1, 3] == matrix.starts.tolist()
    assert [1.0, 1.0, 2.0] == matrix.weights.tolist()
    assert [item_key(item_id) for item_id in training_set.item_ids] == training_set.item_keys.tolist()
    assert {"x": 2.0, "y": 2.0} == dict(
        zip(training_set.item_ids, training_set.popularity(np.inf, NOW_S)[0].tolist(), strict=True)
    )


def test_windows_come_behind_the_listeners(tmp_path: Path) -> None:
    """The first rows are the active listeners, for any setting."""
    training_set = training_set_of(snapshot_of(tmp_path, {"ann": [f"i{n}" for n in range(6)]}), SETTINGS)

    assert [0, 6] == training_set.matrix(NO_WINDOWS).starts.tolist()
    assert [0, 6] == training_set.matrix(WINDOWS).starts.tolist()[:2]
    assert 12 == len(training_set.matrix(WINDOWS).rows)


@pytest.mark.parametrize("plays", [{}, {"ann": []}])
def test_nothing_to_train_on_is_a_sentence(tmp_path: Path, plays: dict[str, list[str]]) -> None:
    """No listener, or none with a history."""
    with pytest.raises(NothingToTrainError) as caught:
        training_set_of(snapshot_of(tmp_path, plays), SETTINGS)

    expected = (
        "The changelog of group playfold holds no plays: send some, and wait until a worker has folded them; "
        "`playfold doctor` shows the lag."
    )
    assert expected == str(caught.value)


def test_who_played_little_or_long_ago_is_not_trained_on() -> None:
    """The latest play of all is now: nothing depends on the day of the training."""
    settings = settings_with(active_plays_min=3, active_days=2.0)
    plays, last_s = np.array([2, 3, 9, 9], np.uint32), np.array([10, 8, 10, 7], np.uint32) * np.uint32(DAY_S)

    assert [False, True, True, False] == active_listeners(plays, last_s, settings.retraining).tolist()
    assert active_listeners(plays, last_s, Settings().retraining).all()


def test_the_inactive_are_in_no_row_and_still_popular(tmp_path: Path) -> None:
    """They are only folded in, and their items are items of the generation."""
    snapshot = snapshot_of(tmp_path, {"ann": ["x", "y"], "ben": ["y", "z", "y"]})

    training_set = training_set_of(snapshot, override(SETTINGS, active_plays_min=3))

    matrix = training_set.matrix(NO_WINDOWS)
    assert 2 == len(training_set)
    assert 3 == training_set.n_items
    assert [0, 2] == matrix.starts.tolist()
    assert ["z", "y"] == [training_set.item_ids[row] for row in matrix.rows]
    assert {"x": 1.0, "y": 3.0, "z": 1.0} == dict(
        zip(training_set.item_ids, training_set.popularity(np.inf, NOW_S)[0].tolist(), strict=True)
    )


def test_the_latest_item_played_once_is_held_out() -> None:
    """An item that was played before, a first entry, and a listener outside of the gate are not held out."""
    drawn = histories(
        [(1.0, 1), (1.0, 2)],
        [(1.0, 1), (1.0, 3), (2.0, 4)],
        [(1.0, 1), (2.0, 3)],
        [(2.0, 2), (1.5, 4)],
        [],
        [(1.0, 1), (1.0, 2)],
    )

    held_out = hold_out(drawn, np.array([True, True, True, True, True, False]), history_max=9)

    nothing = NOTHING_HELD_OUT
    assert [1, 3, nothing, nothing, nothing, nothing] == held_out.tolist()


def test_an_item_that_was_played_before_is_not_held_out() -> None:
    """Every play of it is an entry of its own."""
    drawn = histories([(1.0, 1), (1.0, 2), (1.0, 3)])._replace(item_keys=np.array([7, 8, 7], np.uint64))

    assert [1] == hold_out(drawn, np.ones(1, np.bool_), history_max=9).tolist()


def test_nothing_is_held_out_of_a_full_history() -> None:
    """It has dropped repeats, so an item with one entry may have been played before."""
    drawn = histories([(1.0, 1), (1.0, 2)])

    assert [NOTHING_HELD_OUT] == hold_out(drawn, np.ones(1, np.bool_), history_max=2).tolist()


def test_listeners_with_a_full_history_are_counted_as_excluded(tmp_path: Path) -> None:
    """The gate excludes a history as long as the limit, and no shorter one; without a gate it excludes none."""
    settings = override(SETTINGS, gate_share=1.0, history_max=3)
    training_set = training_set_of(snapshot_of(tmp_path, {"ann": ["x", "y", "z"], "ben": ["x", "y"]}), settings)

    assert 1 == n_excluded(training_set, settings)
    assert 0 == n_excluded(training_set, override(settings, gate_share=0.0))


def at_times(training_set: TrainingSet, *times: int) -> TrainingSet:
    """Return a training set whose signals have other event times."""
    histories = training_set.histories._replace(last_played_s=np.array(times, np.uint32))
    return TrainingSet(**training_set._asdict() | {"histories": histories})


def test_a_play_is_popular_by_its_own_time(tmp_path: Path) -> None:
    """A repeat does not make the earlier plays of an item younger, and a listener's plays of it have a limit."""
    training_set = training_set_of(snapshot_of(tmp_path, {"ann": ["x", "y", "x"]}), SETTINGS)
    training_set = at_times(training_set, 0, DAY_S, 2 * DAY_S)

    popularity, as_of_s = training_set.popularity(1.0, NOW_S)
    limited, _ = training_set.popularity(np.inf, NOW_S, weight_max=1.5)

    assert 2 * DAY_S == as_of_s
    assert {"x": 1.25, "y": 0.5} == dict(zip(training_set.item_ids, popularity.tolist(), strict=True))
    assert {"x": 1.5, "y": 1.0} == dict(zip(training_set.item_ids, limited.tolist(), strict=True))


def test_a_play_of_tomorrow_is_popular_as_of_now(tmp_path: Path) -> None:
    """A wrong clock does not make the listener's other plays of the item worthless."""
    training_set = training_set_of(snapshot_of(tmp_path, {"ann": ["x", "x"]}), SETTINGS)

    assert [2.0] == at_times(training_set, NOW_S, 2**32 - 1).popularity(1.0, NOW_S)[0].tolist()


def test_the_half_life_of_a_training_weighs_the_repeats(tmp_path: Path) -> None:
    """The half-life of the settings when the plays came does not matter; a limit holds for the sum."""
    training_set = training_set_of(snapshot_of(tmp_path, {"ann": ["y", "x", "x"]}), SETTINGS)
    rows = [training_set.item_ids.index(item) for item in ("y", "x")]

    matrices = [training_set.matrix(replace(NO_WINDOWS, half_life_plays=plays)) for plays in (2.0, 1.0)]
    limited = training_set.matrix(NO_WINDOWS, weight_max=1.5)

    assert [rows, rows] == [matrix.rows.tolist() for matrix in matrices]
    assert [[1.0, 1.0 + 2**-0.5], [1.0, 1.5]] == [pytest.approx(matrix.weights.tolist()) for matrix in matrices]
    assert [1.0, 1.5] == limited.weights.tolist()


def test_what_is_held_out_is_not_trained_on(tmp_path: Path) -> None:
    """It is in the history all the same."""
    snapshot = snapshot_of(tmp_path, {"ann": ["x", "y"], "ben": ["y", "x", "z"]})

    training_set = training_set_of(snapshot, override(SETTINGS, gate_share=0.05))

    matrix = training_set.matrix(NO_WINDOWS)
    assert ["x", "y", "x"] == [training_set.item_ids[row] for row in matrix.rows]
    assert [0, 1, 3] == matrix.starts.tolist()
    assert ["y", "z"] == [training_set.item_ids[training_set.rows[entry]] for entry in training_set.held_out]


def test_the_share_at_the_gate_only_shrinks() -> None:
    """A listener of the gate was in it before, when there were fewer listeners."""
    hashes = np.random.default_rng(0).integers(0, 2**64, 100_000, np.uint64)
    in_gate_of = [set(np.flatnonzero(in_gate(hashes[:n], 0.05)).tolist()) for n in (500, 5_000, 50_000, 100_000)]

    assert 500 == len(in_gate_of[0])
    assert [1000, 2500, 5000] == pytest.approx([len(users) for users in in_gate_of[1:]], rel=0.1)
    for n, fewer, more in zip((500, 5_000, 50_000), in_gate_of, in_gate_of[1:], strict=False):
        assert {user for user in more if user < n} <= fewer
    assert not in_gate(hashes, 0.0).any()


def test_a_training_set_comes_back_from_the_disk(tmp_path: Path) -> None:
    """Every array, bit for bit."""
    training_set = training_set_of(snapshot_of(tmp_path, drawn_plays()), override(SETTINGS, gate_share=0.1))
    training_set.save(tmp_path)

    again = TrainingSet.load(tmp_path)

    assert training_set.item_ids == again.item_ids
    for one, other in zip(training_set.histories, again.histories, strict=True):
        np.testing.assert_array_equal(one, other)
    for name in ("plays", "rows", "item_keys", "active", "held_out", "hashes"):
        np.testing.assert_array_equal(getattr(training_set, name), getattr(again, name))


@pytest.mark.parametrize("rule", ["ials", "hkv"])
@pytest.mark.parametrize("window_plays", [0, 5])
@pytest.mark.parametrize("active_plays_min", [1, 12])
def test_folding_in_gives_the_trained_vectors(
    tmp_path: Path, rule: Rule, window_plays: int, active_plays_min: int
) -> None:
    """Through the stored generation and the worker's own path, without decay, a listener gets the trained vector."""
    settings = override(SETTINGS, active_plays_min=active_plays_min)
    plays = drawn_plays(lengths=(8, 12, 15))
    training_set = training_set_of(snapshot_of(tmp_path, plays), settings)
    objective = Objective(rule, factors=8, window_plays=window_plays, half_life_plays=float("inf"), iterations=3)
    factors = train(training_set.matrix(objective), training_set.n_items, objective, np.random.default_rng(0))
    catalog = Catalog(
        training_set.item_ids, factors.item_factors, factors.gram_diagonal, training_set.popularity(np.inf, NOW_S)[0]
    )
    write_generation(tmp_path / FIRST_ID, manifest_of(FIRST_ID, objective, training_set.n_items), catalog)

    records = unpack(records_of(plays), settings.objective.factors)
    build_lists(records, open_generation(tmp_path / FIRST_ID), settings)

    trained = factors.user_factors[: training_set.active.sum()]
    scale = float(np.abs(trained).max())
    assert 0 < len(trained) <= len(records)
    np.testing.assert_allclose(records.vectors[training_set.active] / scale, trained / scale, atol=1e-4)
