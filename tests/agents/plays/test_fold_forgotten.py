"""A wish to be forgotten on its way through a commit group, a sweep, and the end of its marker."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from agents.plays.changes import Changes, remove_markers
from agents.plays.decode import read_group
from state.generations.generation import Generation
from state.keys import is_item_name, item_key
from state.users.partition import PartitionState
from state.users.record import UserRecord
from state.users.record_bytes import is_forgotten
from streams.settings import Settings
from tests.support.deliveries import NOW_MS, fold_slices, lists_of, make_durable, played, refold, slice_of
from tests.support.generations import make_generation
from tests.support.settings import settings_with

SETTINGS = settings_with(factors=8, list_n=5)


class Logged(msgspec.Struct):
    """A record of the changelog."""

    offset: int
    key: bytes
    value: bytes | None


@pytest.fixture
def states(tmp_path: Path) -> Iterator[dict[int, PartitionState]]:
    """Give one empty partition."""
    opened = {0: PartitionState(tmp_path / "state" / "0")}
    yield opened
    opened[0].close()


@pytest.fixture
def generation(tmp_path: Path) -> Generation:
    """Give a generation of items `i0` to `i39`."""
    return make_generation(tmp_path / "generations")


def wish(user: str) -> tuple[bytes, bytes]:
    """Return key and value of a wish to be forgotten."""
    return user.encode(), msgspec.json.encode({"type": "forget", "user_id": user})


def record_of(states: dict[int, PartitionState], user: str) -> UserRecord:
    """Return the record of a user."""
    (value,) = states[0].read([user.encode()])
    assert value is not None
    return UserRecord.decode(value)


def users_of(changes: Changes) -> list[bytes]:
    """Return the users whose records are written."""
    return [key for key, _ in changes.changelog if not is_item_name(key)]


def test_a_wish_leaves_a_marker_and_a_tombstone(states: dict[int, PartitionState], generation: Generation) -> None:
    """All other listeners of the group get their lists."""
    fold_slices([slice_of(0, 0, played("ann", "i1"), played("ben", "i2"))], states, generation, SETTINGS)

    slices = [slice_of(0, 2, played("ann", "i3"), wish("ann"), played("ben", "i4"))]
    changes = fold_slices(slices, states, generation, SETTINGS)[0]

    assert {b"ann": True, b"ben": False} == {key: value is None for key, value in changes.lists}
    assert UserRecord(applied_offset=3, listed_at_s=NOW_MS // 1000) == record_of(states, "ann")
    assert [b"ann"] == list(states[0].forgotten())
    assert 4 == changes.applied_offset_max


def test_a_wish_is_carried_out_without_any_generation(states: dict[int, PartitionState]) -> None:
    """The list that stands there was made under one that was in service once."""
    fold_slices([slice_of(0, 0, played("ann", "i1"))], states, None, SETTINGS)

    changes = fold_slices([slice_of(0, 1, wish("ann"), wish("new"))], states, None, SETTINGS)[0]

    assert [(b"ann", None), (b"new", None)] == changes.lists


def test_a_wish_delivered_again_gives_the_tombstone_again(
    states: dict[int, PartitionState], generation: Generation
) -> None:
    """The crash may have lost it; the record stays as it is."""
    slices = [slice_of(0, 0, played("ann", "i1"), wish("ann"))]
    first = fold_slices(slices, states, generation, SETTINGS)[0]
    marker = record_of(states, "ann")

    again = fold_slices(slices, states, generation, SETTINGS, NOW_MS + 10_000)[0]

    assert [(b"ann", None)] == first.lists == again.lists
    assert marker == record_of(states, "ann")


def test_who_comes_back_begins_anew(states: dict[int, PartitionState], generation: Generation) -> None:
    """With a list of later plays alone, in the same group or a later one; the marker is replaced."""
    same = [slice_of(0, 0, played("ann", "i1"), wish("ann"), played("ann", "i2"))]
    first = fold_slices(same, states, generation, SETTINGS)
    assert ["i2"] == known(states, "ann")
    assert 1 == record_of(states, "ann").plays
    assert "personal" == lists_of(first)["ann"].kind
    assert 2 == lists_of(first)["ann"].offset

    fold_slices([slice_of(0, 3, wish("ann"))], states, generation, SETTINGS)
    later = fold_slices([slice_of(0, 4, played("ann", "i5"))], states, generation, SETTINGS)

    assert ["i5"] == known(states, "ann")
    assert 1 == record_of(states, "ann").plays
    assert 4 == lists_of(later)["ann"].offset
    assert [] == list(states[0].forgotten())


def known(states: dict[int, PartitionState], user: str) -> list[str]:
    """Return the items in a user's history."""
    keys = {item_key(f"i{number}"): f"i{number}" for number in range(40)}
    return [keys[entry.item_key] for entry in record_of(states, user).history]


def test_the_marker_outlives_a_restart_and_outranks_a_late_worker(
    states: dict[int, PartitionState], tmp_path: Path
) -> None:
    """A record that was folded before the wish is staler, wherever it stands in the changelog."""
    fold_slices([slice_of(0, 0, played("ann", "i1"), wish("ann"))], states, None, SETTINGS)
    states[0].close()
    states[0] = PartitionState(tmp_path / "state" / "0")
    late = UserRecord(applied_offset=0, plays=1).encode()

    n_outranked = states[0].apply_changelog([Logged(states[0].place.changelog_offset + 1, b"ann", late)])

    assert 1 == n_outranked
    assert [b"ann"] == states[0].outranked(5)
    assert [b"ann"] == list(states[0].forgotten())
    (value,) = states[0].read([b"ann"])
    assert value is not None
    assert is_forgotten(value)
    restored = refold({0: [b"ann"]}, states, None, SETTINGS, NOW_MS)[0]
    assert [b"ann"] == users_of(restored)
    assert [(b"ann", None)] == restored.lists


def test_an_old_marker_becomes_a_tombstone(states: dict[int, PartitionState]) -> None:
    """A young one stays; afterwards nothing of the user is in the state."""
    fold_slices([slice_of(0, 0, wish("ann"))], states, None, SETTINGS, NOW_MS)
    fold_slices([slice_of(0, 1, wish("ben"))], states, None, SETTINGS, NOW_MS + 5000)
    old = list(states[0].forgotten_before(NOW_MS / 1000 + 3))

    changes = remove_markers({0: old})
    make_durable(changes, states)

    assert [(b"ann", None)] == changes[0].changelog
    assert [None] == states[0].read([b"ann"])
    assert [b"ben"] == list(states[0].forgotten())
    assert [b"ben"] == [key for key, _ in states[0].users(b"", 10)]


def test_a_tombstone_that_only_the_changelog_has_takes_the_marker_with_it(
    states: dict[int, PartitionState], tmp_path: Path
) -> None:
    """The worker died between the changelog and its state: the next start reads the tombstone back."""
    fold_slices([slice_of(0, 0, wish("ann"), wish("ben"))], states, None, SETTINGS)
    states[0].close()
    states[0] = PartitionState(tmp_path / "state" / "0")

    states[0].apply_changelog([Logged(states[0].place.changelog_offset + 1, b"ann", None)])

    assert [None] == states[0].read([b"ann"])
    assert [b"ben"] == list(states[0].forgotten())
    assert states[0].has_forgotten is True


def test_a_group_of_wishes_alone_is_read() -> None:
    """Users without any play."""
    group = read_group([slice_of(3, 7, wish("ann"), wish("ben"), wish("ann"))], Settings())

    assert {3: [b"ann", b"ben"]} == group.users
    assert [9, 8] == group.forget_offsets.tolist()
    assert [0, 0, 0] == group.events.starts.tolist()
