"""A commit group's plays as columns."""

import json

import msgspec
import numpy as np
import pytest

from agents.plays.decode import Group, read_group
from state.keys import item_key, play_id_key
from state.users.event_columns import Action
from streams.messages.records import RejectedPlay
from streams.partitioning import partition_of
from streams.positions import position_of
from streams.settings import Settings
from tests.agents.plays.rejected_plays import rejected
from tests.support.deliveries import ARRIVED_MS, FIRST_S, play, played, slice_of
from tests.support.settings import settings_with

SETTINGS = Settings()


def by_user(group: Group) -> dict[tuple[int, bytes], list[int]]:
    """Return the offsets of every user's plays."""
    users = [(partition, key) for partition, keys in group.users.items() for key in keys]
    starts = group.events.starts
    return {user: group.events.offsets[starts[u] : starts[u + 1]].tolist() for u, user in enumerate(users)}


def test_plays_stand_user_after_user_by_offset() -> None:
    """Over all slices of all partitions, in any order of the slices."""
    slices = [
        slice_of(2, 7, played("ann", "i1"), played("ben", "i2"), played("ann", "i3")),
        slice_of(0, 4, played("cem", "i1")),
        slice_of(2, 10, played("ben", "i4")),
    ]

    group = read_group(slices, SETTINGS)

    assert {(0, b"cem"): [4], (2, b"ann"): [7, 9], (2, b"ben"): [8, 10]} == by_user(group)
    assert [item_key(item_id) for item_id in ("i1", "i1", "i3", "i2", "i4")] == group.events.item_keys.tolist()
    assert {0: {item_key("i1"): "i1"}, 2: {item_key(f"i{n}"): f"i{n}" for n in (1, 2, 3, 4)}} == group.item_ids
    assert {0: [], 2: []} == group.rejects


def test_every_column_comes_from_the_play() -> None:
    """Seconds of event time, a weight of 1, the key of the client's own id or 0."""
    group = read_group([slice_of(0, 5, played("ann", "ï", FIRST_S, play_id="p-1"), played("ann", "i2"))], SETTINGS)

    assert [FIRST_S, FIRST_S] == group.events.at_s.tolist()
    assert [play_id_key("p-1"), 0] == group.events.play_ids.tolist()
    assert [1.0, 1.0] == group.events.weights.tolist()
    assert [5, 6] == group.events.offsets.tolist()
    assert [0, 2] == group.events.starts.tolist()


def test_a_reject_keeps_the_original_bytes_and_its_place() -> None:
    """Topic, partition, offset, reason, key and value; the reject travels under the play's key."""
    group = read_group([slice_of(3, 8, played("ann", "i1"), (b"\xffkey", b"\x00\xff no play"), (None, None))], SETTINGS)

    first, second = rejected(group, 3)
    assert "plays" == first.topic
    assert 3 == first.partition
    assert 9 == first.offset
    assert b"\xffkey" == first.key
    assert b"\x00\xff no play" == first.value
    assert first.reason.startswith("JSON is malformed")
    assert 10 == second.offset
    assert "the value is empty" == second.reason
    assert second.key is None
    assert second.value is None
    assert [b"\xffkey", b""] == [key for key, _ in group.rejects[3]]
    assert {(3, b"ann"): [8]} == by_user(group)


def test_a_private_play_leaves_no_trace() -> None:
    """Not its user, not its item, no reject; the plays around it count."""
    slices = [
        slice_of(0, 0, played("ann", "i1"), played("eve", "secret", private=True)),
        slice_of(1, 0, played("ann", "secret", private=True)),
    ]

    group = read_group(slices, SETTINGS)

    assert {0: [b"ann"], 1: []} == group.users
    assert {0: {item_key("i1"): "i1"}, 1: {}} == group.item_ids
    assert {0: [], 1: []} == group.rejects
    assert item_key("secret") not in group.events.item_keys.tolist()


def test_a_private_play_is_set_apart_with_all_that_a_play_has() -> None:
    """By partition and user; plays before a wish to be forgotten are left out."""
    wish = b"ann", msgspec.json.encode({"type": "forget", "user_id": "ann"})
    private = [played("ann", "s1", private=True), played("ann", "s2", private=True, type="skip", play_id="p")]

    group = read_group([slice_of(0, 5, private[0], wish, private[1]), slice_of(1, 0, played("ben", "i1"))], SETTINGS)

    assert {0: [b"ann"], 1: []} == {partition: list(plays) for partition, plays in group.private.items()}
    expected = [(0, 7, item_key("s2"), -1.0, FIRST_S, play_id_key("p"), Action.SIGNAL)]
    assert expected == group.private[0][b"ann"].tolist()


@pytest.mark.parametrize(
    "value",
    [
        b'{"user_id": "ann", "item_id": "secret", "private": true}',
        b'{"user_id": "ann", "item_id": "secret", "private" : "yes", "played_at_ms": 1700000000000}',
        b'{"user_id": "ann", "item_id": "secret", "private":true, "played_at_ms": 17000',
        play("ann", "secret", private=True, type="secret"),
        json.dumps(play("ann", "secret", private=True).decode()).encode(),
        play("ann", "secret", private=True).decode().encode("utf-16"),
        str({"user_id": "ann", "item_id": "secret", "private": True}).encode(),
        b"<play><item_id>secret</item_id><private>true</private></play>",
        b"user_id=ann&item_id=secret&private=1",
        b"\x82\xa7item_id\xa6secret\xa7private\xc3",
    ],
    ids=["no time", "no boolean", "cut", "unknown type", "a text", "UTF-16", "Python", "XML", "a form", "MessagePack"],
)
def test_a_private_play_that_cannot_be_read_is_rejected_without_its_bytes(value: bytes) -> None:
    """Nor its key, nor a reason that quotes it: the place tells its client enough."""
    (message,) = read_group([slice_of(2, 9, (b"ann", value))], SETTINGS).rejects[2]

    reject = msgspec.json.decode(message[1] or b"", type=RejectedPlay)
    assert b"" == message[0]
    assert reject.key is None
    assert reject.value is None
    assert 2 == reject.partition
    assert 9 == reject.offset
    assert "a private play is unreadable; its content stays in the topic of plays alone" == reject.reason


@pytest.mark.parametrize("private", [b"false", b" false", b"null", b"\n null"])
def test_what_says_that_it_is_not_private_is_rejected_with_its_bytes(private: bytes) -> None:
    """Like any other."""
    value = b'{"user_id": "ann", "private":' + private + b"}"

    (reject,) = rejected(read_group([slice_of(0, 0, (b"ann", value))], SETTINGS))

    assert b"ann" == reject.key
    assert value == reject.value


@pytest.mark.parametrize(
    "value",
    [
        json.dumps(play("ann", "i1", private=False).decode()).encode(),
        b"{'user_id': 'ann', 'private': False}",
        b'{"user_id": "ann", "item_id": "private: eyes", "kind": "private"}',
        b'{"schema": {"field": "private"}, "payload": {"private": false}}',
    ],
)
def test_a_play_of_another_form_that_is_not_private_is_rejected_with_its_bytes(value: bytes) -> None:
    """A retry can send it again."""
    (reject,) = rejected(read_group([slice_of(0, 0, (b"ann", value))], SETTINGS))

    assert value == reject.value


@pytest.mark.parametrize("key", [None, b"", b"ben"])
def test_a_play_under_another_key_is_rejected(key: bytes | None) -> None:
    """One user's plays stay in one partition, in order."""
    (reject,) = rejected(read_group([slice_of(0, 0, (key, play("ann", "i1")))], SETTINGS))

    assert "the key is not the user_id" == reject.reason
    assert play("ann", "i1") == reject.value


def test_a_value_over_the_limit_is_rejected_unread() -> None:
    """The reason has both sizes."""
    value = play("ann", "i1") + b" " * 100

    (reject,) = rejected(read_group([slice_of(0, 0, (b"ann", value))], settings_with(play_bytes_max=100)))

    assert f"the value has {len(value)} bytes, more than 100" == reject.reason


def test_a_deeply_nested_value_is_rejected() -> None:
    """A hundred kilobytes of brackets is no reason to die."""
    (reject,) = rejected(
        read_group([slice_of(0, 0, (b"ann", b'{"x":' * 20_000))], settings_with(play_bytes_max=131_072))
    )

    assert "the value is nested too deeply" == reject.reason


def test_the_columns_have_the_types_of_the_kernels() -> None:
    """Also when a group has no plays at all, or no slices with any."""
    for slices in ([slice_of(0, 0)], [slice_of(0, 0, (None, b"")), slice_of(1, 0, played("ann", "i1"))]):
        plays = read_group(slices, SETTINGS).events

        types = [str(np.asarray(column).dtype) for column in plays]
        assert ["int64", "int64", "uint64", "float32", "uint32", "uint64", "uint8"] == types


def test_offsets_become_positions_of_the_partitions_epoch() -> None:
    """Also those of requests to be forgotten; rejects name the offset on the topic."""
    forget = b"ann", msgspec.json.encode({"user_id": "ann", "type": "forget"})
    slices = [slice_of(0, 3, forget, played("ann", "i1"), (b"x", b"{")), slice_of(1, 3, played("ben", "i1"))]

    group = read_group(slices, settings_with(), {0: 2})

    assert [position_of(2, 4), 3] == group.events.offsets.tolist()
    assert [position_of(2, 3), -1] == group.forget_offsets.tolist()
    assert [5] == [reject.offset for reject in rejected(group)]


def test_an_event_of_the_future_counts_as_of_its_arrival() -> None:
    """In its history and in its private session alike; how many there were is counted."""
    arrived_s = ARRIVED_MS // 1000
    future_s = 4_050_000_000
    slices = [slice_of(0, 0, played("ann", "i1", future_s), played("eve", "i1", future_s, private=True))]

    group = read_group(slices, SETTINGS)

    assert [arrived_s] == group.events.at_s.tolist()
    assert [arrived_s] == group.private[0][b"eve"]["at_s"].tolist()
    assert 2 == group.arrivals.n_ahead


@pytest.mark.parametrize(
    "settings", [SETTINGS, settings_with(skip_below=0.1), settings_with(completion="ignore", skip_below=0.1)]
)
def test_a_play_of_which_nothing_was_heard_is_nothing(settings: Settings) -> None:
    """It moves the applied offset; its item gets no name, and a private one makes no session."""
    slices = [slice_of(0, 4, played("ann", "i1", ms_played=0), played("eve", "i1", ms_played=0, private=True))]

    group = read_group(slices, settings)

    assert [(4, 0, Action.NOTHING)] == list(
        zip(*(getattr(group.events, name).tolist() for name in ("offsets", "weights", "actions")), strict=True)
    )
    assert {0: {}} == group.item_ids
    assert {0: {}} == group.private


def test_a_play_below_skip_below_ages_nothing() -> None:
    """As a skip that a client sent by its type."""
    settings = settings_with(skip_below=0.1, event_weights="play=1,skip=-1")
    short = played("ann", "i1", ms_played=0, duration_ms=1000)

    group = read_group([slice_of(0, 0, short, played("ann", "i1", type="skip"))], settings)

    assert [-1.0, -1.0] == group.events.weights.tolist()
    assert [Action.SIGNAL, Action.SIGNAL] == group.events.actions.tolist()


def test_arrivals_are_counted_with_the_faults_of_their_producers() -> None:
    """Odd hints by name, rejects, and events on a partition that is not the one of their key."""
    home = partition_of("ann", SETTINGS.topics.partitions)
    other = (home + 1) % SETTINGS.topics.partitions
    odd = played("ann", "i2", duration_ms=-1, private=None)
    slices = [slice_of(home, 0, played("ann", "i1"), odd), slice_of(other, 0, played("ann", "i1"), (b"x", b"no play"))]

    arrivals = read_group(slices, SETTINGS).arrivals

    assert 4 == arrivals.n_records
    assert 1 == arrivals.n_rejected
    assert 1 == arrivals.n_misplaced
    assert 0 == arrivals.n_ahead
    assert {"duration_ms": 1, "private": 1} == arrivals.odd_hints
