"""Items that a builder leaves out of lists."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from state.generations.generation import Generation
from state.keys import item_key
from state.lists.build import Lists
from state.lists.ranker import Ranker
from state.users.record import HistoryEntry, ShownItem, UserRecord
from streams.settings import Settings
from tests.state.lists.built_lists import rows_of
from tests.support.generations import (
    build_lists,
    listener,
    make_generation,
    unpacked,
)
from tests.support.settings import settings_with

ALL = {f"i{number}" for number in range(40)}


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


def ids(lists: Lists, generation: Generation, user: int = 0) -> list[str]:
    """Return the items of one list."""
    return rows_of(lists, generation)[user]


def test_a_hidden_item_is_in_no_list(tmp_path: Path) -> None:
    """In a personal or popular list; others get it."""
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
