"""The records that a copy takes over."""

import msgspec

from jobs.topics.copy import LatestRecords, by_key, by_number
from jobs.topics.winners import ChangelogRecords, ListRecords
from state.keys import EPOCH_KEY, LISTS_KEY, item_name_key
from state.users.lists_topic import ListsTopic
from state.users.plays_epoch import PlaysEpoch
from state.users.record import UserRecord
from streams.outbox import Item
from streams.partitioning import partition_of
from streams.positions import position_of
from tests.support.deliveries import Delivered


def user(position: int, plays: int = 1) -> bytes:
    """Return a record's bytes."""
    return UserRecord(applied_offset=position, plays=plays).encode()


def test_the_highest_position_of_a_user_counts() -> None:
    """As in recovery; names come first, users by position, and topics are left out: the copy has others."""
    late: dict[bytes, int] = {}
    records = ChangelogRecords(late, 1, 3)
    log: list[tuple[bytes, bytes | None]] = [
        (b"ben", user(position_of(1, 4))),
        (b"ann", user(position_of(1, 2))),
        (b"ann", user(5_000)),
        (EPOCH_KEY, PlaysEpoch(1, "p").encode()),
        (LISTS_KEY, ListsTopic("l", 7).encode()),
        (item_name_key(5), b"i5"),
        (b"eve", user(5_001)),
        (b"eve", None),
        (b"dan", user(7)),
        (b"dan", user(7, plays=2)),
    ]
    for offset, (key, value) in enumerate(log):
        records.take(Delivered(offset, key, value))

    expected: list[Item] = [
        (item_name_key(5), b"i5"),
        (b"dan", user(7, plays=2)),
        (b"ann", user(position_of(1, 2))),
        (b"ben", user(position_of(1, 4))),
    ]
    assert expected == list(records.items())
    assert {b"ben": 4} == late


def test_the_freshest_list_of_a_listener_counts() -> None:
    """By epoch and offset; a tombstone removes it, and a record that is no list is left out."""
    lists = ListRecords()
    fresh, stale = (msgspec.json.encode({"offset": 3, "epoch": 1}), msgspec.json.encode({"offset": 5_000}))
    for offset, (key, value) in enumerate(
        [(b"ann", fresh), (b"ann", stale), (b"ben", stale), (b"ben", None), (b"x", b"{")]
    ):
        lists.take(Delivered(offset, key, value))

    assert [(b"ann", fresh)] == list(lists.items())


def test_the_latest_record_of_a_key_counts() -> None:
    """Of topics that one program writes."""
    latest = LatestRecords()
    for offset, (key, value) in enumerate([(b"a", b"1"), (b"b", b"2"), (b"a", b"3"), (b"b", None)]):
        latest.take(Delivered(offset, key, value))

    assert [(b"a", b"3")] == list(latest.items())


def test_records_are_placed_by_key_or_by_number() -> None:
    """By number, every new partition has the record of an old one."""
    assert (partition_of("ann", 8),) == tuple(by_key(8)(b"ann", 1))
    assert [[0, 4], [1, 5], [2], [3]] == [list(by_number(4, 6)(b"all", number)) for number in range(4)]
    assert [[0], [1], []] == [list(by_number(3, 2)(b"all", number)) for number in range(3)]
