"""The snapshot of the users changelog; `tests/kafka/test_snapshot.py` reads one from a real Kafka."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from jobs.histories.snapshot import GROUP_USERS, USERS_SCHEMA, PartitionHistory, tables_of
from state.keys import item_key, item_name_key
from state.users.record import HistoryEntry, UserRecord
from state.users.record_bytes import applied_offset_of


class Written(NamedTuple):
    """A record of the changelog."""

    offset: int
    key: bytes
    value: bytes | None


Write = tuple[bytes, bytes | None]
WRITES = st.lists(
    st.tuples(
        st.sampled_from([b"ann", b"ben"]),
        st.none()
        | st.builds(
            lambda at, n: UserRecord(applied_offset=at, plays=n).encode(), st.integers(-1, 5), st.integers(0, 2)
        ),
    ),
    min_size=1,
    max_size=15,
)


def history_of(writes: list[Write], batch: int = 100) -> PartitionHistory:
    """Take in records, so many at a time."""
    history = PartitionHistory()
    records = [Written(offset, key, value) for offset, (key, value) in enumerate(writes)]
    for low in range(0, len(records), batch):
        history.take(records[low : low + batch])
    return history


def winners(writes: list[Write]) -> dict[bytes, bytes]:
    """Return the highest applied offset since the last deletion, the latest of equals."""
    newest: dict[bytes, bytes] = {}
    for key, value in writes:
        if value is None:
            newest.pop(key, None)
        elif key not in newest or applied_offset_of(value) >= applied_offset_of(newest[key]):
            newest[key] = value
    return newest


@given(WRITES, st.integers(1, 15))
def test_the_highest_applied_offset_is_kept(writes: list[Write], batch: int) -> None:
    """The trainer counts with the same records as the stream, however they are fetched; the forgotten are gone."""
    history = history_of(writes, batch)

    assert winners(writes) == history.users
    assert len(writes) == history.read_through


def test_names_are_kept_apart_from_users() -> None:
    """Under its item's key, for any bytes of the key; a tombstone adds none."""
    names = [(0, "zero"), (2**64 - 1, "ï"), (item_key("x"), "x")]
    writes: list[Write] = [(item_name_key(key), name.encode()) for key, name in names]

    history = history_of([*writes, (item_name_key(7), None), (b"ann", UserRecord().encode())])

    assert dict(names) == history.item_ids
    assert {b"ann"} == set(history.users)


def test_a_table_has_every_column_of_a_record() -> None:
    """By user id, with histories of any length, none among them."""
    entries = [HistoryEntry(2**64 - 1, 1.5, 3, 70), HistoryEntry(4, 1.0, 9, 80)]
    ben = UserRecord(applied_offset=12, plays=9, last_played_s=80, history=entries, vector=(1.0, 2.0), generation_key=3)

    (table,) = tables_of({"bén".encode(): ben.encode(), b"ann": UserRecord().encode()})

    first, second = table.to_pylist()
    nothing: list[int] = []
    assert USERS_SCHEMA.equals(table.schema)
    assert ["ann", -1, 0, 0] == list(first.values())[:4]
    assert nothing == first["item_keys"]
    assert {
        "user_id": "bén",
        "applied_offset": 12,
        "plays": 9,
        "last_played_s": 80,
        "item_keys": [2**64 - 1, 4],
        "values": [1.5, 1.0],
        "touched_at_play": [3, 9],
        "item_last_played_s": [70, 80],
    } == second


def test_tables_are_of_bounded_size() -> None:
    """Row groups and their memory stay small."""
    n = GROUP_USERS + 1
    value = UserRecord().encode()

    sizes = [len(table) for table in tables_of({b"%d" % number: value for number in range(n)})]

    assert [GROUP_USERS, 1] == sizes
    assert pa.types.is_large_list(USERS_SCHEMA.field("values").type)
    assert np.sum(sizes) == n
