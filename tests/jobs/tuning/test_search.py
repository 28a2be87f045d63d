"""The search for hyperparameters: its settings, its resumption, and its result."""

import math
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from jobs.progress import JobProgress, ProgressCallback, no_progress
from jobs.seed import SEED
from jobs.tuning.optuna_trials import Trials
from jobs.tuning.results import BEST, JOURNAL, SCORED, Tuned, TuningError, read_best, write_best
from jobs.tuning.search import HALF_LIVES, UNOBSERVED_AND_REGULARIZATION, tune
from model.evaluation.event_log import split_events
from model.evaluation.prequential import fold_in_ranks, train_on
from model.evaluation.rank_metrics import hit_rate, mean_reciprocal_rank
from model.objective import Objective
from state.generations.manifest import Estimate
from tests.support.tastes import N_EVENTS, SMALL, drawn_events

N_TRAINED = N_EVENTS * 7 // 10


def search(
    store: Path, trials: int = 0, watch: ProgressCallback = no_progress, base: Objective = SMALL, seed: int = 1
) -> Tuned:
    """Search without a budget."""
    return tune(drawn_events(seed), base, math.inf, trials, store, watch)


def n_lines(store: Path) -> int:
    """Return how many settings were ever scored in a store."""
    return sum(len(file.read_bytes().splitlines()) for file in store.glob(f"*/{SCORED}"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Tuned:
    """Give all tests one search that nothing disturbed, with three trials."""
    return search(tmp_path_factory.mktemp("whole"), trials=3)


def test_the_best_of_all_settings_wins(tmp_path: Path) -> None:
    """It is stored with a description of its events; no setting is scored twice."""
    tuned = search(tmp_path)

    settings = [scored.objective for scored in tuned.scored]
    grid = [
        replace(SMALL, unobserved_weight=weight, regularization=regularization, half_life_plays=half_life)
        for weight, regularization in UNOBSERVED_AND_REGULARIZATION
        for half_life in HALF_LIVES
    ]
    assert [SMALL, *(setting for setting in grid if setting != SMALL)] == settings[: len({SMALL, *grid})]
    assert len(set(settings)) == len(settings) == tuned.best.trials == n_lines(tmp_path)
    assert max(scored.hit_at_20.value for scored in tuned.scored) == tuned.best.hit_at_20.value
    assert tuned.best.hit_at_20.value > tuned.scored[0].hit_at_20.value
    assert tuned.best == read_best(tmp_path)
    n_scored = int(split_events(drawn_events(), N_TRAINED).scored.sum())
    assert f"{n_scored} of the last 300 plays, trained on the 700 before them" == tuned.best.scored_on
    assert {n_scored} == {scored.n_events for scored in tuned.scored}


def test_the_neighbours_of_the_best_are_scored(whole: Tuned) -> None:
    """One parameter differs: the window, the regularization, or the weight of unplayed items."""
    settings = {scored.objective for scored in whole.scored}
    best = whole.objective

    assert 0.1 == best.regularization
    assert 0.03 == best.unobserved_weight
    assert 0 == best.window_plays
    beside = [
        replace(best, window_plays=20),
        replace(best, regularization=0.2),
        replace(best, regularization=0.05),
        replace(best, unobserved_weight=0.1),
        replace(best, unobserved_weight=0.01),
    ]
    half_lives = [HALF_LIVES[HALF_LIVES.index(best.half_life_plays) + step] for step in (-1, 0, 1)]
    expected = {replace(changed, half_life_plays=half_life) for changed in beside for half_life in half_lives}
    assert expected <= settings


def test_a_setting_is_scored_as_a_night_would_train_it(whole: Tuned) -> None:
    """The half-life of the setting counts in the training and at the fold-in."""
    split = split_events(drawn_events(), N_TRAINED)
    scored = next(scored for scored in whole.scored if scored.objective.half_life_plays == 2.0)
    factors = train_on(split, scored.objective, np.random.default_rng(SEED))

    ranks = fold_in_ranks(split, factors, scored.objective)

    assert Estimate(*hit_rate(ranks, 20, split.n_items)) == scored.hit_at_20
    assert Estimate(*mean_reciprocal_rank(ranks, 20, split.n_items)) == scored.mrr_at_20


def test_a_second_search_scores_nothing_again(tmp_path: Path) -> None:
    """It says the same, and took it from the file."""
    first = search(tmp_path)
    n_first = n_lines(tmp_path)

    second = search(tmp_path)

    assert first == second
    assert n_first == n_lines(tmp_path)


@pytest.mark.parametrize(("base", "seed"), [(replace(SMALL, factors=9), 1), (SMALL, 2)])
def test_another_search_scores_everything_itself(tmp_path: Path, base: Objective, seed: int) -> None:
    """On other plays, or from another setting, figures are others."""
    first = search(tmp_path)

    second = search(tmp_path, base=base, seed=seed)

    assert len(first.scored) + len(second.scored) == n_lines(tmp_path)
    assert base == second.scored[0].objective
    assert second.best == read_best(tmp_path)


def interrupted(store: Path, after: int, trials: int = 0) -> None:
    """Search until so many settings are scored, and no further."""

    def watch(_: JobProgress) -> None:
        if n_lines(store) == after:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        search(store, trials, watch)


@pytest.mark.parametrize("after", [1, 12, 29, 36, 43])
def test_an_interrupted_search_is_resumed(tmp_path: Path, whole: Tuned, after: int) -> None:
    """In the grid or in the local search: its result is that of an uninterrupted one."""
    interrupted(tmp_path, after)
    assert read_best(tmp_path) is None

    resumed = search(tmp_path)

    assert [scored.objective for scored in whole.scored[:-3]] == [scored.objective for scored in resumed.scored]
    assert [scored.hit_at_20 for scored in whole.scored[:-3]] == [scored.hit_at_20 for scored in resumed.scored]
    assert whole.objective == resumed.objective


def test_optuna_runs_a_fixed_number_of_trials(tmp_path: Path, whole: Tuned) -> None:
    """In all searches together: a trial counts once, and the settings are the same."""
    n_grid = len(whole.scored) - 3
    interrupted(tmp_path, n_grid + 2, trials=3)

    tuned = search(tmp_path, trials=3)
    again = search(tmp_path, trials=3)

    assert [scored.objective for scored in whole.scored] == [scored.objective for scored in tuned.scored]
    assert tuned.scored == again.scored
    (journal,) = tmp_path.glob(f"*/{JOURNAL}")
    assert 3 == Trials(journal, SMALL, [], SEED).n_completed
    search(tmp_path, trials=4)
    assert 4 == Trials(journal, SMALL, [], SEED).n_completed


def test_without_a_budget_only_the_first_setting_is_scored(tmp_path: Path) -> None:
    """A note reports it; the given setting is the best."""
    reported: list[JobProgress] = []

    tuned = tune(drawn_events(), SMALL, 0, 3, tmp_path, reported.append)

    assert [SMALL] == [scored.objective for scored in tuned.scored]
    assert SMALL == tuned.objective
    assert 1 == tuned.best.trials
    assert [JobProgress("The budget of 0 s is spent; the best setting so far is used.", is_note=True)] == reported[1:]
    assert tuned == tune(drawn_events(), SMALL, 0, 3, tmp_path)


def test_a_search_starts_with_the_best_of_an_earlier_one(tmp_path: Path) -> None:
    """On any plays: after the given setting, and before the grid."""
    earlier = replace(SMALL, regularization=0.123, unobserved_weight=0.456, half_life_plays=math.inf, window_plays=10)
    longer = replace(earlier, factors=32, iterations=9, alpha=7.0)
    write_best(tmp_path, msgspec.structs.replace(search(tmp_path / "other").best, objective=longer))

    scored = search(tmp_path).scored

    assert [SMALL, earlier] == [scored.objective for scored in scored[:2]]


def test_a_damaged_best_is_replaced(tmp_path: Path) -> None:
    """A new search writes it again."""
    first = tune(drawn_events(), SMALL, 0, 0, tmp_path).best
    (tmp_path / BEST).write_bytes(b"{")

    assert first == tune(drawn_events(), SMALL, 0, 0, tmp_path).best
    assert first == read_best(tmp_path)


def test_a_training_that_diverges_finds_nothing(tmp_path: Path) -> None:
    """It is a setting as any other, and the worst."""
    diverging = replace(SMALL, regularization=-1.0)

    tuned = search(tmp_path, base=diverging)

    assert diverging == tuned.scored[0].objective
    assert 0.0 == tuned.scored[0].hit_at_20.value
    assert 0.0 == tuned.scored[0].mrr_at_20.value
    assert tuned.best.hit_at_20.value > 0


def test_a_search_on_too_few_plays_stores_no_result(tmp_path: Path) -> None:
    """An earlier best stays in use."""
    with pytest.raises(TuningError, match=r"^There is nothing to tune on: "):
        tune(drawn_events().part(slice(2)), SMALL, math.inf, 0, tmp_path)

    assert [] == list(tmp_path.iterdir())


def test_another_rule_is_not_searched(tmp_path: Path) -> None:
    """The sentence names the setting."""
    with pytest.raises(TuningError) as caught:
        search(tmp_path, base=replace(SMALL, rule="hkv"))

    expected = "Tuning searches the hyperparameters of rule ials, not of hkv: set PLAYFOLD_RULE=ials."
    assert expected == str(caught.value)
    assert [] == list(tmp_path.iterdir())
