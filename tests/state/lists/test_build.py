"""Users folded in and ranked under one generation, held against dense NumPy."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.objective import Objective, Rule
from state.generations.generation import open_generation, write_generation
from state.keys import item_key
from state.users.record import HistoryEntry, UserRecord
from tests.state.lists.built_lists import rows_of
from tests.support.generations import (
    FIRST_ID,
    SECOND_ID,
    build_lists,
    catalog_of,
    dense_scores,
    dense_vector,
    listener,
    make_generation,
    manifest_of,
    unpacked,
)
from tests.support.ranks import VECTOR_ERROR, assert_same_lists, assert_same_scores
from tests.support.settings import settings_with


@pytest.mark.parametrize("rule", ["ials", "hkv"])
def test_a_list_is_the_dense_solution(tmp_path: Path, rule: Rule) -> None:
    """Vector, items and scores are those of the definition, without the items that are known."""
    generation = make_generation(tmp_path, rule=rule)
    users = [listener(3, 14, 15, 3), listener(9), listener(*range(20))]
    records = unpacked(*users)

    lists = build_lists(records, generation, settings_with(list_n=10))

    assert [True] * 3 == lists.personal.tolist()
    for number, user in enumerate(users):
        x, scores = dense_vector(user, generation), dense_scores(user, generation)
        assert np.linalg.norm(x - records.vectors[number]) <= VECTOR_ERROR * np.linalg.norm(x)
        assert_same_lists(scores, lists.rows[number : number + 1])
        assert_same_scores(scores, lists.rows[number : number + 1], lists.scores[number : number + 1])


@pytest.mark.parametrize(("half_life_plays", "half_life_days"), [(1.0, float("inf")), (float("inf"), 1.0), (20.0, 0.5)])
def test_repeats_are_weighed_by_the_half_lives_of_the_generation(
    tmp_path: Path, half_life_plays: float, half_life_days: float
) -> None:
    """The same record gives the dense solution of each generation; an item against and for itself counts twice."""
    objective = Objective(factors=8, half_life_plays=half_life_plays, half_life_days=half_life_days)
    write_generation(tmp_path / FIRST_ID, manifest_of(FIRST_ID, objective, 40), catalog_of())
    generation = open_generation(tmp_path / FIRST_ID)
    items, weights = [3, 14, 3, 9, 14, 3, 3], [1.0, 1.0, 3.0, 1.0, -1.0, 1.0, -1.0]
    signals = enumerate(zip(items, weights, strict=True), 1)
    history = [HistoryEntry(item_key(f"i{item}"), weight, n, 20_000 * n) for n, (item, weight) in signals]
    user = UserRecord(plays=9, last_played_s=180_000, history=history)
    records = unpacked(user)

    build_lists(records, generation, settings_with(list_n=10))

    x = dense_vector(user, generation)
    np.testing.assert_allclose(x, records.vectors[0], atol=1e-5 * np.abs(x).max())


def test_an_item_is_worth_no_more_than_its_limit_in_a_list(tmp_path: Path) -> None:
    """A hundred plays of an item count as the limit allows."""
    generation = make_generation(tmp_path)
    often, few = unpacked(listener(*[3] * 100)), unpacked(listener(*[3] * 3))

    for records in (often, few):
        build_lists(records, generation, settings_with(list_n=10, item_weight_max=1.5))

    np.testing.assert_allclose(often.vectors, few.vectors, atol=1e-6)


def test_a_user_of_whom_no_item_is_known_gets_the_popular_list(tmp_path: Path) -> None:
    """The most popular first, ties by row; scores are popularity; the list is marked."""
    generation = make_generation(tmp_path, popularity={"i7": 9.0, "i21": 5.0})
    unknown = replace(listener(), history=[HistoryEntry(12345, 1.0, 1, 100)], plays=1)

    lists = build_lists(unpacked(UserRecord(), listener(7), unknown), generation, settings_with(list_n=3))

    assert [False, True, False] == lists.personal.tolist()
    third = next(str(item_id) for item_id in generation.item_ids if item_id not in {"i7", "i21"})
    assert [["i7", "i21", third]] * 2 == [rows_of(lists, generation)[user] for user in (0, 2)]
    assert [9.0, 5.0, 1.0] == lists.scores[0].tolist()
    assert "i7" not in rows_of(lists, generation)[1]


def test_a_list_that_runs_out_of_items_is_padded(tmp_path: Path) -> None:
    """A catalog smaller than the list, and a listener with most of it known."""
    generation = make_generation(tmp_path, n_items=5)

    lists = build_lists(unpacked(listener(0, 1, 2), UserRecord()), generation, settings_with(list_n=8))

    assert {"i3", "i4"} == set(rows_of(lists, generation)[0])
    assert [2, 5] == (lists.rows >= 0).sum(axis=1).tolist()
    assert (lists.scores[lists.rows < 0] == -np.inf).all()


def test_a_vector_of_another_generation_is_no_start(tmp_path: Path) -> None:
    """It means nothing here, be it not even finite."""
    generation = make_generation(tmp_path)
    cold, stale = unpacked(listener(1, 2)), unpacked(listener(1, 2))
    stale.header["generation_key"] = generation.key ^ 1
    stale.vectors[:] = np.nan

    expected, built = (
        build_lists(cold, generation, settings_with(list_n=5)),
        build_lists(stale, generation, settings_with(list_n=5)),
    )

    np.testing.assert_array_equal(expected.rows, built.rows)
    np.testing.assert_array_equal(cold.vectors, stale.vectors)


def test_folding_again_changes_nothing(tmp_path: Path) -> None:
    """A warm start from the solution stays at it within the solver's tolerance."""
    generation = make_generation(tmp_path)
    records = unpacked(listener(1, 2, 3))
    build_lists(records, generation, settings_with(list_n=5))
    before = records.vectors.copy()

    again = build_lists(records, generation, settings_with(list_n=5))

    assert_same_lists(dense_scores(listener(1, 2, 3), generation), again.rows)
    assert np.linalg.norm(records.vectors - before) <= VECTOR_ERROR * np.linalg.norm(before)


def test_factors_of_another_generation_give_other_scores(tmp_path: Path) -> None:
    """The lists of two generations are told apart by their scores, even for the same items."""
    first, second = make_generation(tmp_path, seed=0), make_generation(tmp_path, SECOND_ID, seed=1)

    scores = [
        build_lists(unpacked(listener(1, 2)), generation, settings_with(list_n=5)).scores
        for generation in (first, second)
    ]

    assert not np.allclose(scores[0], scores[1])


@given(st.integers(0, 39))
def test_a_skip_pulls_a_score_to_no_and_a_like_to_yes(tmp_path_factory: pytest.TempPathFactory, item: int) -> None:
    """A skip takes from the size of an item's score and leaves its sign; a like takes from its distance to 1."""
    generation = make_generation(tmp_path_factory.mktemp("generation"))
    history = [HistoryEntry(item_key(f"i{number}"), 1.0, 2, 100) for number in (3, 14)]
    signals = {"none": [], "skip": [HistoryEntry(item_key(f"i{item}"), -1.0, 2, 100)]}
    played = [entry for entry in history if entry.item_key == item_key(f"i{item}")]
    if played:
        liked = [HistoryEntry(item_key(f"i{item}"), 3.0, 2, 100)]
        signals |= {"like": [*liked, *(entry for entry in history if entry not in played)]}
    scores = {}
    for name, entries in signals.items():
        events = entries if name == "like" else [*history, *entries]
        records = unpacked(UserRecord(plays=2, last_played_s=100, history=events))
        build_lists(records, generation, settings_with(list_n=5))
        row = generation.rows_of(np.array([item_key(f"i{item}")], np.uint64))[0]
        scores[name] = float(generation.item_factors[row] @ records.vectors[0])

    assert abs(scores["skip"]) <= abs(scores["none"]) + 1e-6
    assert scores["skip"] * scores["none"] >= -1e-9
    if played:
        assert abs(1 - scores["like"]) <= abs(1 - scores["none"]) + 1e-6
