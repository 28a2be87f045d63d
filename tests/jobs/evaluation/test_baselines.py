"""The models of an evaluation, and the selection of their settings."""

from dataclasses import replace
from itertools import product

import numpy as np

from jobs.evaluation.baselines import (
    ALL_TIME,
    HALF_LIVES,
    INNER,
    POPULAR,
    SIGNALS,
    STATIC,
    STRENGTHS,
    WINDOWS,
    BaselineSettings,
    baseline_models,
    select_settings,
    settings_models,
)
from jobs.evaluation.evaluate import evaluate
from jobs.progress import JobProgress
from jobs.seed import SEED
from model.blend import Blend
from model.evaluation.blended_ranks import blended_ranks
from model.evaluation.event_log import split_events
from model.evaluation.isgd import Isgd
from model.evaluation.neighbours import Nearness, neighbour_ranks
from model.evaluation.prequential import fold_in_ranks, popular_ranks, static_ranks, train_on
from model.evaluation.rank_metrics import hit_rate
from tests.support.tastes import N_EVENTS, SMALL, drawn_events

N_TRAINED = N_EVENTS * 7 // 10
SETTINGS = {"chosen": replace(SMALL, half_life_plays=1.0), "given": SMALL}
BASELINES = BaselineSettings(SMALL, Isgd(8), Nearness(np.inf, 2.0), Nearness(5.0, 2.0))
NAMES = [
    ALL_TIME,
    f"{POPULAR}, half-life 30 days",
    STATIC,
    "ISGD",
    "item neighbours, no window",
    "item neighbours, windowed",
    "fold-in, no recency",
    *(f"fold-in, half-life {days}" for days in ("1 day", "7 days", "30 days")),
    "fold-in",
    "fold-in, blended",
    "fold-in, retrained every 5 %",
]


def test_all_models_take_part_and_give_the_same_figures_again() -> None:
    """To the last digit, in any order and on any number of threads."""
    split, reported = split_events(drawn_events(), N_TRAINED), list[JobProgress]()
    first = evaluate(split, baseline_models(split, BASELINES, on_progress=reported.append))
    other = split_events(drawn_events(seed=2), N_TRAINED)
    evaluate(other, baseline_models(other, BASELINES))

    assert first == evaluate(split, baseline_models(split, BASELINES, threads=2))
    assert NAMES == [row.name for row in first.rows]
    assert list(range(20)) == [step.done for step in reported]
    hits = {row.name: row.hit_at_10 for row in first.rows}
    assert len({hit.value for hit in hits.values()}) > 5


def test_lists_that_follow_each_play_do_best_where_tastes_turn() -> None:
    """Better than the static vectors of the same training, and than plays that never grow old."""
    split = split_events(drawn_events(n_events=3000), 1400)

    hits = {row.name: row.hit_at_10 for row in evaluate(split, baseline_models(split, BASELINES)).rows}

    assert hits["fold-in"].low > hits[STATIC].high
    assert hits["fold-in"].low > hits["fold-in, no recency"].high
    assert hits["item neighbours, windowed"].low > hits[ALL_TIME].high


def test_settings_are_selected_on_the_first_plays_alone() -> None:
    """The selected setting is the best on the last of them; later plays take no part."""
    events = drawn_events()
    trained = events.part(slice(N_TRAINED))
    split = split_events(trained, int(N_TRAINED * INNER))
    grid = [Nearness(*pair) for pair in product(WINDOWS, HALF_LIVES)]
    hits = [hit_rate(neighbour_ranks(split, nearness), 20, split.n_items).value for nearness in grid]
    reported: list[JobProgress] = []

    baselines = select_settings(trained, SMALL, threads=2, on_progress=reported.append)

    assert grid[int(np.argmax(hits))] == baselines.windowed
    assert np.isinf(baselines.whole.window_plays)
    assert SMALL == baselines.fold_in
    assert SMALL.factors == baselines.isgd.factors
    assert list(range(reported[0].total or 0)) == [step.done for step in reported]


def test_too_few_plays_select_the_first_setting_of_each_grid() -> None:
    """The selection does not fail; the evaluation reports events that cannot be streamed."""
    baselines = select_settings(drawn_events().part(slice(3)), SMALL)

    assert Nearness(WINDOWS[0], HALF_LIVES[0]) == baselines.windowed


def test_settings_are_compared_with_popular_items() -> None:
    """The settings in their order, then the static vectors of the first and the popular items."""
    events = drawn_events()
    split = split_events(events, N_TRAINED)
    # What streams has no part in a training: the factors are the same as if it had never been.
    alone = split_events(events.part(slice(N_TRAINED)), N_TRAINED)
    chosen, given = (train_on(alone, setting, np.random.default_rng(SEED)) for setting in SETTINGS.values())

    ranks_of = {name: ranks().tolist() for name, ranks in settings_models(split, SETTINGS).items()}

    assert ["chosen", "given", STATIC, POPULAR] == list(ranks_of)
    assert fold_in_ranks(split, chosen, SETTINGS["chosen"]).tolist() == ranks_of["chosen"]
    assert fold_in_ranks(split, given, SMALL).tolist() == ranks_of["given"]
    assert static_ranks(split, chosen).tolist() == ranks_of[STATIC]
    assert popular_ranks(split).tolist() == ranks_of[POPULAR]


def test_signals_have_a_row_if_there_are_any() -> None:
    """On the same scored plays; a listener with repeated skips of a taste does not get it."""
    events = drawn_events()
    skipped = events._replace(signals=np.where(events.item_keys % 3 == 0, np.float32(-1), events.signals))
    split = split_events(skipped, N_TRAINED)

    models = baseline_models(split, BASELINES)
    rows = {row.name: row for row in evaluate(split, {name: models[name] for name in (SIGNALS, "fold-in")}).rows}

    assert [*NAMES[:-1], SIGNALS, NAMES[-1]] == list(models)
    assert rows[SIGNALS].hit_at_20 != rows["fold-in"].hit_at_20
    assert SIGNALS not in baseline_models(split_events(events, N_TRAINED), BASELINES)


def test_how_strongly_lists_are_blended_is_chosen_on_the_first_plays_alone() -> None:
    """The strength with the most hits on the last of them, the weakest of equals."""
    trained = drawn_events().part(slice(N_TRAINED))
    split = split_events(trained, int(N_TRAINED * INNER))
    factors = train_on(split, SMALL, np.random.default_rng(SEED))
    blends = [replace(Blend(), strength=strength) for strength in STRENGTHS]
    hits = [hit_rate(blended_ranks(split, factors, SMALL, blend), 20, split.n_items).value for blend in blends]

    assert blends[int(np.argmax(hits))] == select_settings(trained, SMALL).blend
    assert len(set(hits)) > 1
