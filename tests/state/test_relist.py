"""Users folded in and ranked under one generation, held against dense NumPy."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.objective import Rule
from state.generation import Generation
from state.keys import item_key
from state.relist import Lists, relist
from state.user_record import HistoryEntry, ShownItem, UserRecord
from state.user_records import UserRecords, unpack
from streams.settings import Settings
from tests.state.builders import SECOND_ID, dense_vector, make_generation

FACTORS = 8


def listener(*items: int) -> UserRecord:
    """Return a user who played items in this order, once each."""
    history = [HistoryEntry(item_key(f"i{item}"), 1.0, number, 100) for number, item in enumerate(items, 1)]
    return UserRecord(plays=len(items), history=history)


def unpacked(*users: UserRecord) -> UserRecords:
    """Return users as arrays."""
    return unpack([user.encode() for user in users], FACTORS)


def rows_of(lists: Lists, generation: Generation) -> list[list[str]]:
    """Return the items of every list."""
    return [[str(generation.item_ids[row]) for row in rows if row >= 0] for rows in lists.rows]


@pytest.mark.parametrize("rule", ["ials", "hkv"])
def test_a_list_is_the_dense_solution(tmp_path: Path, rule: Rule) -> None:
    """Vector, items and scores are those of the definition, without the items that are known."""
    generation = make_generation(tmp_path, rule=rule)
    users = [listener(3, 14, 15, 3), listener(9), listener(*range(20))]
    records = unpacked(*users)

    lists = relist(records, generation, Settings(list_n=10))

    assert [True] * 3 == lists.personal.tolist()
    for number, user in enumerate(users):
        x = dense_vector(user, generation)
        scores = generation.item_factors.astype(np.float64) @ x
        scores[generation.rows_of(np.array([entry.item_key for entry in user.history], np.uint64))] = -np.inf
        best = np.sort(scores)[::-1][:10]
        np.testing.assert_allclose(x, records.vectors[number], atol=1e-5 * np.abs(x).max())
        np.testing.assert_allclose(best, lists.scores[number], atol=1e-5)
        np.testing.assert_allclose(best, scores[lists.rows[number]], atol=1e-5)


def test_a_user_of_whom_no_item_is_known_gets_the_popular_list(tmp_path: Path) -> None:
    """The most popular first, ties by row; scores are popularity; the list is marked."""
    generation = make_generation(tmp_path, popularity={"i7": 9.0, "i21": 5.0})
    unknown = replace(listener(), history=[HistoryEntry(12345, 1.0, 1, 100)], plays=1)

    lists = relist(unpacked(UserRecord(), listener(7), unknown), generation, Settings(list_n=3))

    assert [False, True, False] == lists.personal.tolist()
    third = next(str(item_id) for item_id in generation.item_ids if item_id not in {"i7", "i21"})
    assert [["i7", "i21", third]] * 2 == [rows_of(lists, generation)[user] for user in (0, 2)]
    assert [9.0, 5.0, 1.0] == lists.scores[0].tolist()
    assert "i7" not in rows_of(lists, generation)[1]


def test_a_list_that_runs_out_of_items_is_padded(tmp_path: Path) -> None:
    """A catalog smaller than the list, a listener who knows most of it."""
    generation = make_generation(tmp_path, n_items=5)

    lists = relist(unpacked(listener(0, 1, 2), UserRecord()), generation, Settings(list_n=8))

    assert {"i3", "i4"} == set(rows_of(lists, generation)[0])
    assert [2, 5] == (lists.rows >= 0).sum(axis=1).tolist()
    assert (lists.scores[lists.rows < 0] == -np.inf).all()


def test_a_vector_of_another_generation_is_no_start(tmp_path: Path) -> None:
    """It means nothing here, be it not even finite."""
    generation = make_generation(tmp_path)
    cold, stale = unpacked(listener(1, 2)), unpacked(listener(1, 2))
    stale.header["generation_key"] = generation.key ^ 1
    stale.vectors[:] = np.nan

    expected, found = relist(cold, generation, Settings(list_n=5)), relist(stale, generation, Settings(list_n=5))

    np.testing.assert_array_equal(expected.rows, found.rows)
    np.testing.assert_array_equal(cold.vectors, stale.vectors)


def test_folding_again_changes_nothing(tmp_path: Path) -> None:
    """A warm start from the solution stays at it within the solver's tolerance."""
    generation = make_generation(tmp_path)
    records = unpacked(listener(1, 2, 3))
    first = relist(records, generation, Settings(list_n=5))
    before = records.vectors.copy()

    again = relist(records, generation, Settings(list_n=5))

    np.testing.assert_array_equal(first.rows, again.rows)
    np.testing.assert_allclose(before, records.vectors, rtol=1e-4, atol=1e-6)


def test_factors_of_another_generation_give_other_scores(tmp_path: Path) -> None:
    """The lists of two generations are told apart by their scores, even for the same items."""
    first, second = make_generation(tmp_path, seed=0), make_generation(tmp_path, SECOND_ID, seed=1)

    found = [relist(unpacked(listener(1, 2)), generation, Settings(list_n=5)).scores for generation in (first, second)]

    assert not np.allclose(found[0], found[1])


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
    generation, settings = make_generation(tmp_path), Settings(list_n=5)
    known, new = listener(3, 14), UserRecord(plays=1)
    before = relist(unpacked(known, new, known), generation, settings)
    first = [item_key(ids(before, generation, user)[0]) for user in (0, 1)]

    after = relist(unpacked(replace(known, hidden=first), replace(new, hidden=first), known), generation, settings)

    for user in (0, 1):
        assert not set(first) & {item_key(item_id) for item_id in ids(after, generation, user)}
        assert 5 == len(ids(after, generation, user))
    assert ids(before, generation, 2) == ids(after, generation, 2)


def test_an_item_that_was_shown_too_often_is_left_out(tmp_path: Path) -> None:
    """Until the listener has played on."""
    generation, settings = make_generation(tmp_path), Settings(list_n=5, cooldown_shows=3, cooldown_plays=2)
    first = ids(relist(unpacked(listener(3, 14)), generation, settings), generation)[0]

    for at_play, left_out in ((2, True), (1, True), (0, False)):
        user = replace(listener(3, 14), shown=[ShownItem(item_key(first), 3, at_play)])
        assert left_out == (first not in ids(relist(unpacked(user), generation, settings), generation))


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
        relist(records, generation, Settings(list_n=5))
        row = generation.rows_of(np.array([item_key(f"i{item}")], np.uint64))[0]
        scores[name] = float(generation.item_factors[row] @ records.vectors[0])

    assert abs(scores["skip"]) <= abs(scores["none"]) + 1e-6
    assert scores["skip"] * scores["none"] >= -1e-9
    if played:
        assert abs(1 - scores["like"]) <= abs(1 - scores["none"]) + 1e-6
