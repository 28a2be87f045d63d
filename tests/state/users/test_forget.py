"""Users that ask to be forgotten: their records afterwards are those of new listeners."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from model.ragged import RaggedMarks
from state.users.event_columns import Action
from state.users.forget import forget
from state.users.learn import half_lives_of, learn
from state.users.record import NOTHING_APPLIED, UserRecord
from state.users.record_batch import UserRecords, new_users, pack
from state.users.record_bytes import FORGOTTEN_BYTES, is_forgotten
from tests.support.generations import Played, columns_of, plain
from tests.support.settings import settings_with

NOW_S = 1_800_000_000
SETTINGS = settings_with(history_max=4, play_ids_max=2, half_life_plays=3.0)
WISH = 0
"""An item key that stands for a wish to be forgotten."""


def apply(records: UserRecords, events: list[Played]) -> tuple[UserRecords, bool]:
    """Apply a group of one user's events as a commit group does; return whether they wished to be forgotten."""
    wish = max((event.offset for event in events if event.item_key == WISH), default=NOTHING_APPLIED)
    plays = [event for event in events if event.item_key != WISH and event.offset > wish]
    records, wished = forget(records, np.array([wish]), NOW_S)
    records = learn(records, columns_of([plays]), SETTINGS, half_lives_of(SETTINGS)).records
    return records, bool(wished[0])


@st.composite
def events(draw: st.DrawFn) -> list[Played]:
    """Draw plays with a wish now and then, in the order of their offsets."""
    drawn = draw(st.lists(st.tuples(st.integers(0, 6), st.sampled_from([0, 7, 8])), max_size=30))
    return [Played(offset, key, play_id=play_id) for offset, (key, play_id) in enumerate(drawn)]


@given(events(), st.lists(st.integers(0, 30), max_size=5), st.integers(0, 8))
def test_who_was_forgotten_is_as_if_they_had_just_begun(topic: list[Played], cuts: list[int], again: int) -> None:
    """Plays after the last request count alone, in any division into groups and with any redelivery."""
    wish = max((event.offset for event in topic if event.item_key == WISH), default=NOTHING_APPLIED)
    expected, _ = apply(new_users(1, 2), topic[wish + 1 :])

    records, begin = new_users(1, 2), 0
    for end in (*sorted(cuts), len(topic)):
        records, _ = apply(records, topic[max(0, begin - again) : end])
        begin = min(end, len(topic))

    (record,), (fresh,) = plain(records), plain(expected)
    assert replace(fresh, applied_offset=len(topic) - 1, listed_at_s=record.listed_at_s) == record
    assert record.listed_at_s == (NOW_S if wish >= 0 else 0)


def test_nothing_but_a_marker_is_left() -> None:
    """The place in the topic, and when it was made; no history, id, vector or list, nothing hidden, shown or wished."""
    wishes = [Played(offset, 9, action=action) for offset, action in enumerate((Action.HIDE, Action.SHOWN))]
    signals = [Played(4, 1, play_id=7), Played(5, 2), Played(6, 9, action=Action.PAUSE)]
    played, _ = apply(new_users(1, 2), [*wishes, *signals])
    played.listed = RaggedMarks(np.array([0, 2]), np.array([5, 6], np.uint32))
    played.header["generation_key"], played.header["listed_at_ms"], played.vectors[:] = 9, 9, 1

    (before,) = plain(played)
    assert all((before.history, before.play_ids, before.hidden, before.shown, before.listed, before.paused))

    records, wished = apply(played, [Played(7, WISH)])

    (record,) = plain(records)
    assert UserRecord(applied_offset=7, listed_at_s=NOW_S, vector=(0.0, 0.0)) == record
    (value,) = pack(records)
    assert wished
    assert FORGOTTEN_BYTES == len(value)
    assert is_forgotten(value)


def test_a_wish_delivered_again_takes_nothing_that_came_after_it() -> None:
    """It is told all the same: the crash may have lost the tombstone."""
    records, _ = apply(new_users(1, 2), [Played(0, 1), Played(1, WISH), Played(2, 3)])

    again, wished = apply(records, [Played(0, 1), Played(1, WISH)])

    assert plain(records) == plain(again)
    assert wished
    assert [3] == [entry.item_key for entry in plain(again)[0].history]


def test_others_are_left_as_they_are() -> None:
    """In the same group, on both sides of the forgotten one."""
    plays = columns_of([[Played(0, 1)], [Played(1, 2, play_id=5), Played(2, 3)], [Played(3, 4, play_id=6)]])
    records = learn(new_users(3, 2), plays, SETTINGS, half_lives_of(SETTINGS)).records

    after, wished = forget(records, np.array([NOTHING_APPLIED, 9, NOTHING_APPLIED]), NOW_S)

    before = plain(records)
    assert [False, True, False] == wished.tolist()
    assert [before[0], before[2]] == [plain(after)[0], plain(after)[2]]
    assert UserRecord(applied_offset=9, listed_at_s=NOW_S, vector=(0.0, 0.0)) == plain(after)[1]


def test_who_has_played_is_not_forgotten() -> None:
    """Though a record of nobody's history may be as short."""
    assert not is_forgotten(UserRecord(applied_offset=3, plays=1).encode())
    assert not is_forgotten(UserRecord(applied_offset=3, vector=(0.0,)).encode())
