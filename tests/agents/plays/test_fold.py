"""The changes of a commit group, with real states on disk and without Kafka."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from agents.group_context import GroupContext
from agents.plays.changes import Changes
from model.arrays import Keys
from state.generations.generation import Generation
from state.keys import is_item_name, item_key, item_name_key
from state.lists.ranker import Ranker
from state.users.partition import PartitionState
from state.users.record import UserRecord
from state.users.record_bytes import applied_offset_of
from streams.settings import override
from tests.support.deliveries import (
    FIRST_S,
    NOW_MS,
    fold_slices,
    folder_of,
    lists_of,
    make_durable,
    played,
    refold,
    slice_of,
)
from tests.support.generations import FIRST_ID, SECOND_ID, dense_vector, make_generation
from tests.support.settings import settings_with

SETTINGS = settings_with(factors=8, list_n=5, list_heartbeat_s=1000, list_score_change=float("inf"))
States = dict[int, PartitionState]


@pytest.fixture
def states(tmp_path: Path) -> Iterator[States]:
    """Give two empty partitions."""
    opened = {number: PartitionState(tmp_path / "state" / str(number)) for number in (0, 1)}
    yield opened
    for state in opened.values():
        state.close()


@pytest.fixture
def generation(tmp_path: Path) -> Generation:
    """Give a generation of items `i0` to `i39`."""
    return make_generation(tmp_path / "generations")


def item_keys_of(item_ids: list[str]) -> Keys:
    """Return the keys of items."""
    return np.array([item_key(item_id) for item_id in item_ids], np.uint64)


def record_of(states: States, user: str) -> UserRecord:
    """Return the record of a user, whichever partition holds it."""
    (value,) = [value for state in states.values() for value in state.read([user.encode()]) if value]
    return UserRecord.decode(value)


def test_a_play_gives_its_user_a_list(states: States, generation: Generation) -> None:
    """Generation, place, times, items and scores; the scores are those of the dense solution."""
    changes = fold_slices([slice_of(1, 41, played("ann", "i3"), played("ann", "i9"))], states, generation, SETTINGS)

    recommendations = lists_of(changes)["ann"]
    assert "personal" == recommendations.kind
    assert FIRST_ID == recommendations.generation
    assert 0 == recommendations.revision
    assert 1 == recommendations.partition
    assert 42 == recommendations.offset
    assert NOW_MS == recommendations.made_at_ms
    assert NOW_MS + 1000 * SETTINGS.lists.expires_s == recommendations.expires_at_ms
    assert 5 == len(recommendations.items)
    assert not {"i3", "i9"} & set(recommendations.items)
    x = dense_vector(record_of(states, "ann"), generation)
    rows = generation.rows_of(np.array([item_key(item_id) for item_id in recommendations.items], np.uint64))
    np.testing.assert_allclose(generation.item_factors[rows] @ x, recommendations.scores, atol=1e-5)
    np.testing.assert_allclose(record_of(states, "ann").vector, x, atol=1e-5)


def test_users_of_all_partitions_are_folded_together(states: States, generation: Generation) -> None:
    """Each gets its own list and its record in its own partition, as if it had been alone."""
    together = [
        slice_of(1, 0, played("ann", "i1"), played("ben", "i2")),
        slice_of(0, 7, played("cem", "i3"), played("dua", "no such item")),
        slice_of(1, 2, played("ann", "i4")),
    ]

    changes = fold_slices(together, states, generation, SETTINGS)

    lists = lists_of(changes)
    kinds = {user: (a_list.kind, a_list.partition, a_list.offset) for user, a_list in lists.items()}
    expected = {"ann": ("personal", 1, 2), "ben": ("personal", 1, 1)}
    expected |= {"cem": ("personal", 0, 7), "dua": ("popular", 0, 8)}
    assert expected == kinds
    assert [b"cem", b"dua"] == [key for key, _ in states[0].users(b"", 10)]
    assert [b"ann", b"ben"] == [key for key, _ in states[1].users(b"", 10)]
    assert 2 == record_of(states, "ann").plays
    assert 2 == record_of(states, "ann").applied_offset


def test_a_list_is_published_when_it_changed(states: States, generation: Generation) -> None:
    """A play of a listed item changes the list; a play of an unknown item does not."""
    first = lists_of(fold_slices([slice_of(0, 0, played("ann", "i3"))], states, generation, SETTINGS))["ann"]

    unchanged = fold_slices([slice_of(0, 1, played("ann", "unknown"))], states, generation, SETTINGS)
    changed = fold_slices([slice_of(0, 2, played("ann", first.items[0]))], states, generation, SETTINGS)

    assert {} == lists_of(unchanged)
    assert 1 == len(users_of(unchanged[0]))
    assert first.items[0] not in lists_of(changed)["ann"].items


def users_of(changes: Changes) -> list[bytes]:
    """Return the users whose records a partition's changes write."""
    return [key for key, _ in changes.changelog if not is_item_name(key)]


def test_an_unchanged_list_is_published_again_when_it_is_due(states: States, generation: Generation) -> None:
    """The heartbeat counts event time since the last publication."""
    published = []
    for offset, at_s in enumerate([0, 999, 1000, 1001, 1999, 2000]):
        slices = [slice_of(0, offset, played("ann", "unknown", FIRST_S + at_s))]
        published.append("ann" in lists_of(fold_slices(slices, states, generation, SETTINGS)))

    assert [True, False, True, False, False, True] == published


def test_skipped_plays_still_leave_a_list(states: States, generation: Generation) -> None:
    """Delivered again, nothing is counted again, and the list that the crash may have lost is published."""
    slices = [slice_of(0, 5, played("ann", "i3"), played("ben", "i4"))]
    first = lists_of(fold_slices(slices, states, generation, SETTINGS))
    before = record_of(states, "ann")

    again = lists_of(fold_slices(slices, states, generation, SETTINGS))
    mixed = lists_of(
        fold_slices([slice_of(0, 6, played("ben", "i4"), played("ann", "zz"))], states, generation, SETTINGS)
    )

    assert [a_list.items for a_list in first.values()] == [a_list.items for a_list in again.values()]
    assert before.plays == 1
    assert before.history == record_of(states, "ann").history[:1]
    assert ["ben"] == list(mixed)


def test_a_list_is_published_once_it_names_another_generation(
    states: States, generation: Generation, tmp_path: Path
) -> None:
    """A play between swap and sweep: the same items under a new generation are news, for the sweep passes by."""
    fold_slices([slice_of(0, 0, played("ann", "unknown"))], states, generation, SETTINGS)
    same = make_generation(tmp_path / "generations", SECOND_ID)

    lists = lists_of(fold_slices([slice_of(0, 1, played("ann", "unknown"))], states, same, SETTINGS))

    assert SECOND_ID == lists["ann"].generation
    assert same.key == record_of(states, "ann").generation_key


def test_records_are_written_by_ascending_applied_offset(states: States, generation: Generation) -> None:
    """So recovery can tell by one number that a record is later than anything before it; names come first."""
    items = [played(user, f"n{number}") for number, user in enumerate(["zoe", "ann", "zoe", "moe", "ann"])]

    changes = fold_slices([slice_of(0, 10, *items)], states, generation, SETTINGS)[0]

    names = [key for key, _ in changes.changelog if is_item_name(key)]
    assert {item_name_key(item_key(f"n{number}")) for number in range(5)} == set(names)
    assert changes.changelog[:5] == [(key, value) for key, value in changes.changelog if is_item_name(key)]
    assert [b"zoe", b"moe", b"ann"] == users_of(changes)
    applied = [applied_offset_of(value) for key, value in changes.changelog if value and not is_item_name(key)]
    assert [12, 13, 14] == applied
    assert 14 == changes.applied_offset_max
    assert [b"zoe", b"moe", b"ann"] == [key for key, _ in changes.lists]


def test_an_item_is_named_once_a_partition(states: States, generation: Generation) -> None:
    """Every partition's changelog can be read alone."""
    both = [slice_of(0, 0, played("ann", "ï"), played("ben", "ï")), slice_of(1, 0, played("cem", "ï"))]
    name = item_name_key(item_key("ï"))

    first = fold_slices(both, states, generation, SETTINGS)
    second = fold_slices([slice_of(0, 2, played("ben", "ï"))], states, generation, SETTINGS)

    written = [[item for item in changes.changelog if is_item_name(item[0])] for changes in first.values()]
    assert [[(name, "ï".encode())]] * 2 == written
    assert [b"ben"] == [key for key, _ in second[0].changelog]


def test_without_a_generation_plays_are_counted_and_no_list_is_made(states: States) -> None:
    """The first generation inherits the plays that were counted before it."""
    changes = fold_slices([slice_of(0, 0, played("ann", "i3"))], states, None, SETTINGS)

    record = record_of(states, "ann")
    assert [] == changes[0].lists
    assert 1 == record.plays
    assert 0 == record.generation_key
    assert 0 == record.listed_at_ms
    assert () == record.vector


def test_a_group_of_nothing_but_rejects_is_folded(states: States, generation: Generation) -> None:
    """No user is touched, and the rejects go out; with a generation and without."""
    for serving in (generation, None):
        changes = fold_slices([slice_of(0, 3, (b"ann", b"no play"))], states, serving, SETTINGS)

        assert [] == changes[0].changelog
        assert (-1) == changes[0].applied_offset_max
        assert [] == changes[0].lists
        assert 1 == len(changes[0].rejects)


def test_a_refold_moves_users_to_a_generation(states: States, generation: Generation, tmp_path: Path) -> None:
    """Without any play: the same history and place, a vector and a list of the new generation."""
    fold_slices([slice_of(0, 0, played("ann", "i3"), played("ben", "i4"))], states, generation, SETTINGS)
    before = record_of(states, "ann")
    other = make_generation(tmp_path / "generations", SECOND_ID, factors=6, seed=1)

    changes = refold({0: [b"ann", b"ben"]}, states, other, SETTINGS, NOW_MS)
    make_durable(changes, states)

    after = record_of(states, "ann")
    lists = lists_of(changes)
    assert {"ann": (SECOND_ID, 0), "ben": (SECOND_ID, 1)} == {u: (a.generation, a.offset) for u, a in lists.items()}
    assert other.key == after.generation_key
    assert before == replace(
        after,
        generation_key=generation.key,
        vector=before.vector,
        list_score=before.list_score,
        listed=before.listed,
    )
    assert [int(other.marks[row]) for row in other.rows_of(item_keys_of(lists["ann"].items))] == after.listed
    np.testing.assert_allclose(after.vector, dense_vector(after, other), atol=1e-5)


def test_nobody_is_refolded(states: States, generation: Generation) -> None:
    """An empty group changes nothing."""
    assert {0: Changes([], -1, [], [])} == refold({0: []}, states, generation, SETTINGS, NOW_MS)


def test_a_list_may_hold_what_its_listener_knows(states: States, generation: Generation) -> None:
    """Where the settings say so: at once, or after so many plays."""
    slices = [slice_of(0, 0, played("ann", "i3"), played("ann", "i9"))]
    variants: list[dict[str, Any]] = [{"known_items": "include"}, {"repeat_after_plays": 1}, {}]
    listed = []
    for options in variants:
        settings = override(SETTINGS, list_n=40, **options)
        listed.append({"i3", "i9"} & set(lists_of(fold_slices(slices, states, generation, settings))["ann"].items))

    assert [{"i3", "i9"}, {"i3"}, set()] == listed


def test_a_list_holds_what_is_available_when_it_is_made(states: States, generation: Generation) -> None:
    """Refolded without any play, too."""
    ranker = Ranker(SETTINGS.ranking)
    ranker.catalog.on_record(b"i5", f'{{"item_id": "i5", "available_from_ms": {NOW_MS}}}'.encode())
    settings = override(SETTINGS, list_n=40)
    fold_slices([slice_of(0, 0, played("ann", "i3"))], states, generation, settings)
    folder = folder_of(settings, ranker=ranker)

    listed = [
        "i5" in lists_of(folder.refold({0: [b"ann"]}, context, publish_all=True))["ann"].items
        for context in (GroupContext(states, generation, now_ms) for now_ms in (NOW_MS - 1, NOW_MS))
    ]

    assert [False, True] == listed


@pytest.mark.parametrize("kind", ["hide", "pause", "forget"])
def test_a_copy_of_a_request_writes_nothing_of_an_unknown_listener(tmp_path: Path, kind: str) -> None:
    """Neither a record nor a tombstone; of a known one it is the request."""
    states = {0: PartitionState(tmp_path / "state")}
    copy = {"type": kind, "user_id": "ann", "copy": True} | ({"item_id": "i1"} if kind == "hide" else {})
    record = b"ann", msgspec.json.encode(copy)

    unknown = fold_slices([slice_of(0, 0, record)], states, None, SETTINGS)
    known = fold_slices([slice_of(0, 1, played("ann", "i2"), record)], states, None, SETTINGS)

    assert b"ann" not in dict(unknown[0].changelog)
    assert [] == unknown[0].lists
    assert b"ann" in dict(known[0].changelog)
    states[0].close()
