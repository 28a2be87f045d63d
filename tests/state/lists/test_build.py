"""Users folded in and ranked under one generation, held against dense NumPy."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.objective import Objective, Rule
from state.generations.generation import Generation, open_generation, write_generation
from state.keys import item_key
from state.lists.build import Lists
from state.lists.ranker import Ranker
from state.users.record import HistoryEntry, ShownItem, UserRecord
from streams.settings import Settings
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

ALL = {f"i{number}" for number in range(40)}


def rows_of(lists: Lists, generation: Generation) -> list[list[str]]:
    """Return the items of every list."""
    return [[str(generation.item_ids[row]) for row in rows if row >= 0] for rows in lists.rows]


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


@pytest.mark.parametrize("known_items", ["exclude", "include"])
def test_an_item_that_was_only_skipped_is_in_no_list(tmp_path: Path, known_items: str) -> None:
    """Neither in the popular one of a listener without plays, nor in a blended or a personal one."""
    generation = make_generation(tmp_path, popularity={"i7": 9.0, "i21": 5.0})
    skip = HistoryEntry(item_key("i7"), -1.0, 1, 100)
    newcomer, blended, personal = (
        replace(listener(*range(10, 10 + n)), history=[*listener(*range(10, 10 + n)).history, skip]) for n in (0, 1, 20)
    )
    settings = settings_with(list_n=40, known_items=known_items, repeat_after_plays=1)

    lists = build_lists(unpacked(newcomer, blended, personal), generation, settings)

    assert [False, True, True] == lists.personal.tolist()
    for items in rows_of(lists, generation):
        assert "i7" not in items
    assert "i21" == rows_of(lists, generation)[0][0]


def test_a_list_that_runs_out_of_items_is_padded(tmp_path: Path) -> None:
    """A catalog smaller than the list, a listener who knows most of it."""
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


_SHARED: list[Generation] = []


def shared_generation(folders: pytest.TempPathFactory) -> Generation:
    """Make one generation for all examples."""
    if not _SHARED:
        _SHARED.append(make_generation(folders.mktemp("relist")))
    return _SHARED[0]


def ids(lists: Lists, generation: Generation, user: int = 0) -> list[str]:
    """Return the items of one list."""
    return rows_of(lists, generation)[user]


def test_a_hidden_item_is_in_no_list(tmp_path: Path) -> None:
    """Personal or popular, whoever else gets it."""
    generation, settings = make_generation(tmp_path), settings_with(list_n=5)
    known, new = listener(3, 14), UserRecord(plays=1)
    before = build_lists(unpacked(known, new, known), generation, settings)
    first = [item_key(ids(before, generation, user)[0]) for user in (0, 1)]

    after = build_lists(unpacked(replace(known, hidden=first), replace(new, hidden=first), known), generation, settings)

    for user in (0, 1):
        assert not set(first) & {item_key(item_id) for item_id in ids(after, generation, user)}
        assert 5 == len(ids(after, generation, user))
    assert ids(before, generation, 2) == ids(after, generation, 2)


def test_an_item_that_was_shown_too_often_is_left_out(tmp_path: Path) -> None:
    """Until the listener has played on."""
    generation, settings = make_generation(tmp_path), settings_with(list_n=5, cooldown_shows=3, cooldown_plays=2)
    first = ids(build_lists(unpacked(listener(3, 14)), generation, settings), generation)[0]

    for at_play, left_out in ((2, True), (1, True), (0, False)):
        user = replace(listener(3, 14), shown=[ShownItem(item_key(first), 3, at_play)])
        assert left_out == (first not in ids(build_lists(unpacked(user), generation, settings), generation))


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
        own = entries if name == "like" else [*history, *entries]
        records = unpacked(UserRecord(plays=2, last_played_s=100, history=own))
        build_lists(records, generation, settings_with(list_n=5))
        row = generation.rows_of(np.array([item_key(f"i{item}")], np.uint64))[0]
        scores[name] = float(generation.item_factors[row] @ records.vectors[0])

    assert abs(scores["skip"]) <= abs(scores["none"]) + 1e-6
    assert scores["skip"] * scores["none"] >= -1e-9
    if played:
        assert abs(1 - scores["like"]) <= abs(1 - scores["none"]) + 1e-6


def listed(generation: Generation, *users: UserRecord, **options: Any) -> list[set[str]]:
    """Return the items of every user's list, long enough for all."""
    settings = settings_with(list_n=40, **options)
    return [set(items) for items in rows_of(build_lists(unpacked(*users), generation, settings), generation)]


def test_known_items_are_in_the_list_where_that_is_wanted(tmp_path: Path) -> None:
    """Left out by default, listed under `include`; the vector is the same."""
    generation = make_generation(tmp_path)
    records = [unpacked(listener(3, 14)) for _ in range(2)]

    listings = [
        build_lists(records[0], generation, settings_with(list_n=40)),
        build_lists(records[1], generation, settings_with(list_n=40, known_items="include")),
    ]

    assert [{"i3", "i14"}, set()] == [ALL - set(rows_of(lists, generation)[0]) for lists in listings]
    assert [True, True] == [bool(lists.personal[0]) for lists in listings]
    np.testing.assert_array_equal(records[0].vectors, records[1].vectors)


def test_an_item_may_come_again_after_so_many_plays(tmp_path: Path) -> None:
    """Counted from its last play, in the listener's own plays."""
    generation = make_generation(tmp_path)

    listings = [listed(generation, listener(1, 2, 3, 4), repeat_after_plays=n)[0] for n in (0, 1, 3, 4)]

    assert [{"i1", "i2", "i3", "i4"}, {"i4"}, {"i2", "i3", "i4"}, {"i1", "i2", "i3", "i4"}] == [
        ALL - items for items in listings
    ]


def test_what_is_unavailable_when_the_list_is_made_is_not_in_it(tmp_path: Path) -> None:
    """Neither in a list of one's own nor in the popular one, before or after."""
    generation = make_generation(tmp_path)
    ranker = Ranker(Settings().ranking)
    ranker.catalog.on_record(b"i7", b'{"item_id": "i7", "available_from_ms": 1000, "available_until_ms": 2000}')

    listings = []
    for now_ms in (999, 1000, 2000):
        lists = build_lists(
            unpacked(listener(3), UserRecord()), generation, settings_with(list_n=40), ranker, now_ms=now_ms
        )
        listings.append([ALL - set(items) for items in rows_of(lists, generation)])

    assert [[{"i3", "i7"}, {"i7"}], [{"i3"}, set()], [{"i3", "i7"}, {"i7"}]] == listings


def test_what_is_left_out_is_counted_by_reason(tmp_path: Path) -> None:
    """Over all lists of a batch; a known item that the generation lacks was never left out."""
    generation = make_generation(tmp_path)
    generation = generation.with_revision(replace(generation.revision, withdrawn_rows=np.array([0, 5], np.int32)))
    ranker = Ranker(Settings().ranking)
    ranker.catalog.on_record(b"i7", b'{"item_id": "i7", "available_until_ms": 1}')

    settings = settings_with(list_n=5, cooldown_shows=3, repeat_after_plays=1)
    hidden = [item_key("i8"), item_key("i9"), 12345]
    tired = replace(
        listener(99), hidden=hidden, shown=[ShownItem(item_key("i10"), 3, 1), ShownItem(item_key("i11"), 2, 1)]
    )

    build_lists(
        unpacked(listener(3, 4), tired, UserRecord()),
        generation,
        settings_with(list_n=5, cooldown_shows=3),
        ranker,
        now_ms=10,
    )
    build_lists(unpacked(listener(3, 4)), generation, settings, ranker, now_ms=10)

    assert {"known": 3, "withdrawn": 8, "unavailable": 4, "hidden": 2, "cooldown": 1} == ranker.left_out.counts


def test_unavailable_items_make_the_list_shorter_only_at_the_end(tmp_path: Path) -> None:
    """Everything else moves up."""
    generation = make_generation(tmp_path)
    ranker = Ranker(Settings().ranking)
    whole = rows_of(build_lists(unpacked(listener(3)), generation, settings_with(list_n=10)), generation)[0]
    for item in whole[:3]:
        ranker.catalog.on_record(item.encode(), f'{{"item_id": "{item}", "available_until_ms": 1}}'.encode())

    rows = rows_of(
        build_lists(unpacked(listener(3)), generation, settings_with(list_n=10), ranker, now_ms=10), generation
    )[0]

    assert whole[3:] == rows[:7]
    assert 10 == len(rows)
