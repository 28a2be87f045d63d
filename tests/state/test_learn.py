"""What plays change in their users' records, held against a plain reference."""

import math
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from state.learn import learn
from state.user_record import HistoryEntry, UserRecord
from state.user_records import UserRecords, new_users
from tests.state.builders import Played, columns_of, plain

N_USERS = 3
HALF_LIFE = 3.0


def learn_plain(record: UserRecord, plays: list[Played], history_max: int, play_ids_max: int) -> UserRecord:
    """Apply plays to one record, in a few lines that anybody can check."""
    history, ids = {entry.item_key: entry for entry in record.history}, list(record.play_ids)
    applied, n, last_s = record.applied_offset, record.plays, record.last_played_s
    for play in plays:
        if play.offset <= applied:
            continue
        applied = play.offset
        if play.play_id in ids:
            continue
        if play.play_id:
            ids = [*ids, play.play_id][-play_ids_max:] if play_ids_max else []
        n, last_s = n + 1, max(last_s, play.played_at_s)
        old = history.pop(play.item_key, HistoryEntry(play.item_key, 0.0, n, 0))
        value = float(np.float32(old.value * math.exp2((old.touched_at_play - n) * (1.0 / HALF_LIFE)) + 1))
        history[play.item_key] = HistoryEntry(play.item_key, value, n, max(old.last_played_s, play.played_at_s))
        while len(history) > history_max:
            del history[next(iter(history))]
    kept = list(history.values())
    return replace(
        record, applied_offset=applied, plays=n, last_played_s=last_s, history=kept, play_ids=ids, vector=(0.0, 0.0)
    )


def learned(
    records: UserRecords, plays: list[list[Played]], history_max: int = 4, play_ids_max: int = 2
) -> tuple[UserRecords, list[bool]]:
    """Apply plays, a list a user; return who had a play that was delivered again, too."""
    after, repeated = learn(records, columns_of(plays), history_max, play_ids_max, HALF_LIFE)
    return after, repeated.tolist()


@st.composite
def topics(draw: st.DrawFn) -> list[tuple[int, Played]]:
    """Draw a partition of plays: users, items, times and a few retried ids, in the order of their offsets."""
    one = st.tuples(
        st.integers(0, N_USERS - 1), st.integers(1, 6), st.integers(0, 2**32 - 1), st.sampled_from([0, 0, 7, 8, 9, 10])
    )
    drawn = draw(st.lists(one, max_size=30))
    return [(user, Played(offset, key, at_s, play_id)) for offset, (user, key, at_s, play_id) in enumerate(drawn)]


def of_each(topic: list[tuple[int, Played]]) -> list[list[Played]]:
    """Return the plays of each user."""
    return [[play for owner, play in topic if owner == user] for user in range(N_USERS)]


@given(topics(), st.integers(1, 5), st.integers(0, 3))
def test_learning_equals_the_plain_reference(
    topic: list[tuple[int, Played]], history_max: int, play_ids_max: int
) -> None:
    """Offsets, counts, histories and remembered ids are those of the few lines above, bit for bit."""
    plays = of_each(topic)
    expected = [learn_plain(UserRecord(), found, history_max, play_ids_max) for found in plays]

    after, repeated = learned(new_users(N_USERS, 2), plays, history_max, play_ids_max)

    assert expected == plain(after)
    assert [False] * N_USERS == repeated


@given(topics(), st.lists(st.tuples(st.integers(0, 30), st.integers(0, 8)), max_size=5), st.integers(0, 3))
def test_groups_and_deliveries_do_not_matter(
    topic: list[tuple[int, Played]], cuts: list[tuple[int, int]], play_ids_max: int
) -> None:
    """However plays are split into groups, and however much of them comes again, the records are the same."""
    expected = plain(learned(new_users(N_USERS, 2), of_each(topic), 4, play_ids_max)[0])

    records, begin = new_users(N_USERS, 2), 0
    for end, again in [*sorted(cuts), (len(topic), 3)]:
        records, _ = learned(records, of_each(topic[max(0, begin - again) : end]), 4, play_ids_max)
        begin = min(end, len(topic))

    assert expected == plain(records)


@given(topics())
def test_the_same_plays_twice_change_nothing(topic: list[tuple[int, Played]]) -> None:
    """A second delivery is skipped whole, and it is told whose plays came again."""
    plays = of_each(topic)
    once, _ = learned(new_users(N_USERS, 2), plays)

    twice, repeated = learned(once, plays)

    assert plain(once) == plain(twice)
    assert [bool(found) for found in plays] == repeated


def test_an_offset_at_or_below_the_applied_one_is_skipped() -> None:
    """Only what stands behind the applied offset is new."""
    first, _ = learned(new_users(1, 2), [[Played(10, 1)]])

    after, repeated = learned(first, [[Played(9, 2), Played(10, 3), Played(11, 4)]])

    (record,) = plain(after)
    assert (11, 2, [1, 4]) == (record.applied_offset, record.plays, [entry.item_key for entry in record.history])
    assert [True] == repeated


def test_an_offset_twice_in_one_group_counts_once() -> None:
    """Faust may queue a slice again while the first copy of it still waits."""
    after, _ = learned(new_users(1, 2), [[Played(5, 1), Played(5, 1), Played(6, 2)]])

    (record,) = plain(after)
    assert (6, 2, [1.0, 1.0]) == (record.applied_offset, record.plays, [entry.value for entry in record.history])


def test_a_clients_retry_counts_once_and_moves_the_applied_offset() -> None:
    """The play id is known, so nothing but the place in the topic changes."""
    first, _ = learned(new_users(1, 2), [[Played(0, 1, 100, play_id=77)]])

    after, repeated = learned(first, [[Played(1, 1, 200, play_id=77)]])

    assert [replace(plain(first)[0], applied_offset=1)] == plain(after)
    assert [False] == repeated


def test_the_oldest_play_ids_are_forgotten() -> None:
    """At `play_ids_max` a retry of a play longer ago counts again: the memory is bounded."""
    plays = [Played(offset, 1, play_id=offset + 1) for offset in range(5)]

    after, _ = learned(new_users(1, 2), [plays], play_ids_max=2)
    again, _ = learned(after, [[Played(5, 1, play_id=1)]], play_ids_max=2)

    assert [4, 5] == plain(after)[0].play_ids
    assert ([5, 1], 6) == (plain(again)[0].play_ids, plain(again)[0].plays)


def test_no_play_ids_are_remembered_if_so_wished() -> None:
    """With `play_ids_max` 0 every retry counts, within a group too."""
    after, _ = learned(new_users(1, 2), [[Played(0, 1, play_id=7), Played(1, 1, play_id=7)]], play_ids_max=0)

    assert (2, []) == (plain(after)[0].plays, plain(after)[0].play_ids)


def test_nobody_and_nothing_is_learnt() -> None:
    """A group of rejects alone has no users, and a user may come without plays."""
    nobody, no_flags = learned(new_users(0, 2), [])
    alone, repeated = learned(new_users(1, 2), [[]])

    assert ([], []) == (plain(nobody), no_flags)
    assert ([replace(UserRecord(), vector=(0.0, 0.0))], [False]) == (plain(alone), repeated)
