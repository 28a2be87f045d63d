"""A list for some items, of nobody."""

from collections import Counter
from pathlib import Path

import msgspec
import numpy as np
import pytest

from model.arrays import Floats, Rows
from model.best_of import Addition, best_of_plain
from model.blend import popular_parts, preferences
from model.equations import equations_of
from model.objective import Objective
from model.ragged import RaggedRows, WeightedRows
from model.ranking import top_n_plain
from model.score_variance import variance_left
from model.solver import solve_rows
from state.generations.generation import Generation, open_generation, write_generation
from state.generations.revision import write_revision
from state.keys import item_key
from state.lists.build import exact_builder, kinds_of
from state.lists.context import ListContext
from state.lists.session_list import (
    SessionList,
    rank_candidates,
    session_list,
    session_lists,
)
from state.users.record import HistoryEntry, UserRecord
from state.users.record_batch import unpack
from streams.settings import Settings, override
from tests.support.generations import FIRST_ID, SECOND_ID, build_lists, make_generation, manifest_of, numbered
from tests.support.hostile import hostile_vectors
from tests.support.settings import settings_with

SETTINGS = settings_with(factors=8, list_n=6)
WEIGHT_MAX = SETTINGS.signals.item_weight_max


@pytest.fixture
def generation(tmp_path: Path) -> Generation:
    """Give a generation in which item `i7` is withdrawn."""
    made = make_generation(tmp_path, popularity={"i7": 9.0, "i21": 5.0})
    write_revision(made, tmp_path / FIRST_ID, 1, ["i7"], 1)
    return open_generation(tmp_path / FIRST_ID)


def list_for(generation: Generation, items: list[str], weights: list[float] | None = None) -> SessionList:
    """Return the list for some items."""
    return session_list(exact_builder(SETTINGS), ListContext(generation, 0), items, weights)


@pytest.mark.parametrize(
    ("items", "weights", "values"),
    [
        (["i3", "i9"], None, {"i3": 1.0, "i9": 1.0}),
        (["i3", "i9", "i3"], None, {"i3": 2.0, "i9": 1.0}),
        (["i3", "i9", "i3"], [0.5, 2.0, 1.0], {"i3": 1.5, "i9": 2.0}),
    ],
)
def test_it_is_the_list_of_a_listener_who_played_them(
    generation: Generation, items: list[str], weights: list[float] | None, values: dict[str, float]
) -> None:
    """All just now; an item that is named twice counts twice."""
    history = [HistoryEntry(item_key(item), value, 1, 100) for item, value in values.items()]
    lists = build_lists(unpack([UserRecord(plays=1, history=history).encode()], 8), generation, SETTINGS)

    session_list = list_for(generation, items, weights)

    assert kinds_of(lists)[0] == session_list.kind
    assert generation.item_ids[lists.rows[0]].tolist() == session_list.items
    assert [] == session_list.unknown
    assert pytest.approx(lists.scores[0].tolist(), abs=1e-6) == session_list.scores
    assert not {"i3", "i7", "i9"} & set(session_list.items)


def test_unknown_items_are_named(generation: Generation) -> None:
    """Once each; the others make the list."""
    session_list = list_for(generation, ["what?", "i3", "who?", "what?"])

    assert ["what?", "who?"] == session_list.unknown
    assert list_for(generation, ["i3"])._replace(unknown=["what?", "who?"]) == session_list


@pytest.mark.parametrize("items", [[], ["what?"]])
def test_nothing_known_gives_the_popular_list(generation: Generation, items: list[str]) -> None:
    """Without withdrawn items."""
    session_list = list_for(generation, items)

    assert SessionList("popular", ["i21", *session_list.items[1:]], [5.0, *[1.0] * 5], items) == session_list


@pytest.mark.parametrize(("weights", "shown"), [([1.0], "[1.0]"), ([1.0, 0.0], "[1.0, 0.0]"), ([], "[]")])
def test_weights_that_do_not_fit_are_refused(generation: Generation, weights: list[float], shown: str) -> None:
    """One for each item, above 0."""
    with pytest.raises(ValueError, match="need as many weights") as caught:
        list_for(generation, ["i1", "i2"], weights)

    assert f"2 items need as many weights above 0, not {shown}." == str(caught.value)


def test_candidates_stand_in_the_order_of_the_whole_list(generation: Generation) -> None:
    """Ranked for the same plays, each has its score among all items; unknown ones are named, and repeats count once."""
    settings = override(SETTINGS, list_n=30, popular_blend=0)
    whole = session_list(exact_builder(settings), ListContext(generation, 0), ["i3", "i9", "i3"])
    wanted = [whole.items[4], "nowhere", whole.items[0], whole.items[2], whole.items[0]]

    ranked = rank_candidates(generation, ["i3", "i9", "i3", "gone"], wanted, WEIGHT_MAX)

    assert "personal" == ranked.kind
    assert [whole.items[0], whole.items[2], whole.items[4]] == ranked.items
    assert ["gone", "nowhere"] == ranked.unknown
    assert ranked.scores == pytest.approx([whole.scores[0], whole.scores[2], whole.scores[4]], abs=1e-5)


def test_a_repeated_item_has_no_more_than_the_largest_weight(generation: Generation) -> None:
    """Candidates are scored as in the whole list, where the same limit holds."""
    settings = override(SETTINGS, list_n=30, popular_blend=0, item_weight_max=2.0)
    played = [*["i3"] * 9, "i9"]
    whole = session_list(exact_builder(settings), ListContext(generation, 0), played)

    ranked = rank_candidates(generation, played, whole.items[:1], 2.0)
    unlimited = rank_candidates(generation, played, whole.items[:1], WEIGHT_MAX)

    assert ranked.scores == pytest.approx(whole.scores[:1], abs=1e-5)
    assert unlimited.scores != pytest.approx(whole.scores[:1], abs=1e-3)


@pytest.mark.parametrize("played", [[], ["i9"]])
def test_the_first_item_of_a_generation_is_known(generation: Generation, played: list[str]) -> None:
    """Row 0 is a row like all others."""
    first = str(generation.item_ids[0])

    ranked = rank_candidates(generation, played, [first], WEIGHT_MAX)

    assert [first] == ranked.items
    assert [] == ranked.unknown


def test_candidates_for_nothing_known_stand_by_their_plays(generation: Generation) -> None:
    """Items that no training has seen have no neighbours."""
    ranked = rank_candidates(generation, ["gone"], ["i21", "i3", "i7"], WEIGHT_MAX)

    assert "popular" == ranked.kind
    assert ["i7", "i21", "i3"] == ranked.items


@pytest.mark.parametrize("kind", ["alike", "near", "sparse", "whole", "same"])
def test_lists_made_together_are_exact_to_the_last_item(tmp_path: Path, kind: str) -> None:
    """Blended and personal ones, of a catalog of several blocks: rows and scores are those of sorting all items."""
    settings, n, weights = settings_with(list_n=30, blend_items_max=3), 12_000, 9.0 / (1 + np.arange(12_000))
    drawn = hostile_vectors(kind, n, 16, np.random.default_rng(0)) * np.float32(0.2)
    generation = publish_items(tmp_path, drawn, weights.astype(np.float32))
    rng = np.random.default_rng(1)
    sessions = [[f"i{row}" for row in rng.integers(0, n, size)] for size in (1, 2, 3, 4, 9, 1, 30)]

    lists = session_lists(exact_builder(settings), ListContext(generation, 0), sessions)

    expected = plain_lists(generation, sessions, settings)
    assert ["blended", "blended", "blended", "personal", "personal", "blended", "personal"] == [
        made.kind for made in lists
    ]
    assert [generation.item_ids[rows].tolist() for rows, _ in expected] == [made.items for made in lists]
    assert [scores.tolist() for _, scores in expected] == [made.scores for made in lists]


def publish_items(folder: Path, item_factors: Floats, popularity: Floats) -> Generation:
    """Return a generation of items `i0`, `i1`, ... with such factors, of listeners with four plays each."""
    objective = Objective(factors=item_factors.shape[1])
    manifest = msgspec.structs.replace(manifest_of(SECOND_ID, objective, len(item_factors)), n_users=10, n_plays=40)
    items = numbered(item_factors, objective)._replace(popularity=popularity)
    write_generation(folder / SECOND_ID, manifest, items)
    return open_generation(folder / SECOND_ID)


def plain_lists(generation: Generation, sessions: list[list[str]], settings: Settings) -> list[tuple[Rows, Floats]]:
    """Return rows and scores of every session's list, by sorting the scores of all items."""
    objective, fixed, n = generation.manifest.objective, generation.fixed_items, settings.lists.n
    lists = []
    for session in sessions:
        counts = Counter(session)
        rows = generation.rows_of(np.array([item_key(item) for item in counts], np.uint64))
        played = WeightedRows(np.array([0, len(rows)]), rows, np.fromiter(counts.values(), np.float32))
        equations = equations_of(played, objective)
        vector = solve_rows(equations, fixed, np.zeros((1, objective.factors), np.float32))
        known = RaggedRows(np.array([0, len(rows)]), rows)
        best = top_n_plain(vector, fixed.factors, known, n)
        if len(rows) <= settings.popularity.blend_items_max:
            left = variance_left(equations, fixed, float(objective.row_regularization(1)))
            strengths = popular_parts(best[1][:, 0], left, settings.popularity.blend)
            every = np.setdiff1d(np.arange(len(fixed.factors), dtype=np.int32), rows)
            preference = preferences(generation.popularity, generation.manifest.plays_per_listener)
            choice = RaggedRows(np.array([0, len(every)]), every)
            best = best_of_plain(vector, fixed.factors, choice, n, Addition(strengths, preference))
        lists.append((best[0][0], best[1][0]))
    return lists
