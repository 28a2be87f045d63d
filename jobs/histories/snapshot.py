"""A snapshot of the users changelog, as Parquet files that other engines can read.

users.parquet    one row for each listener: user_id, applied_offset, plays, last_played_s, and the history as lists of
                 the same length, ordered by touched_at_play: item_keys (u64), values (f32), touched_at_play (u32),
                 item_last_played_s (u32); sorted by partition and user_id
items.parquet    item_key (u64), item_id; sorted by item_key
snapshot.json    the offsets of the changelog, and the numbers of users and items
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from aiokafka.structs import ConsumerRecord

from jobs.progress import JobProgress, ProgressCallback
from state.keys import ITEM_NAME_PREFIX, is_item_name, is_user
from state.users.record import NOTHING_APPLIED
from state.users.record_batch import unpack
from state.users.record_bytes import APPLIED_OFFSET, applied_offset_of, is_forgotten
from streams.readers.log_reader import partitions_of, read_span, reader, spans_of
from streams.settings import Settings
from streams.topics.topics import topic_names

USERS, ITEMS, RECORD = "users.parquet", "items.parquet", "snapshot.json"
FORMAT = 1
READING = "reading the histories"
PARTITIONS_AT_ONCE = 4
"""Partitions read at the same time, whose users are in memory together."""
GROUP_USERS = 50_000
"""Users in a row group of the Parquet file."""

_U32_LISTS, _U64_LISTS, _F32_LISTS = (pa.large_list(kind) for kind in (pa.uint32(), pa.uint64(), pa.float32()))
USERS_SCHEMA = pa.schema(
    {
        "user_id": pa.string(),
        "applied_offset": pa.int64(),
        "plays": pa.uint32(),
        "last_played_s": pa.uint32(),
        "item_keys": _U64_LISTS,
        "values": _F32_LISTS,
        "touched_at_play": _U32_LISTS,
        "item_last_played_s": _U32_LISTS,
    }
)


class SnapshotRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The description of a snapshot."""

    format: int = FORMAT
    read_through: dict[int, int]
    """By partition, the offset after the last record read."""
    n_users: int
    n_items: int


@dataclass(frozen=True)
class Snapshot:
    """A snapshot on the disk."""

    folder: Path
    record: SnapshotRecord

    def users(self) -> pa.Table:
        """Return all users, by `USERS_SCHEMA`."""
        return pq.read_table(self.folder / USERS)

    def item_ids(self) -> dict[int, str]:
        """Return item ids by their keys."""
        items = pq.read_table(self.folder / ITEMS)
        return dict(zip(items["item_key"].to_pylist(), items["item_id"].to_pylist(), strict=True))


@dataclass
class PartitionHistory:
    """The records of one partition of the changelog, up to the last one read."""

    users: dict[bytes, bytes] = field(default_factory=dict)
    """By user, the record with the highest applied offset; of equals the later one."""
    item_ids: dict[int, str] = field(default_factory=dict)
    """Item ids by their keys."""
    read_through: int = 0
    """The offset after the last record read."""
    _highest: int = NOTHING_APPLIED

    def take(self, records: Sequence[ConsumerRecord]) -> None:
        """Store consecutive records."""
        users = [(record.key, record.value) for record in records if is_user(record.key)]
        if len(users) < len(records):
            self._take_names(records)
        values = [value for _, value in users if value is not None]
        if self._all_later(values) and len(values) == len(users):
            self.users.update(users)
        else:
            self._take_one_by_one(users)
        self.read_through = records[-1].offset + 1

    def _take_names(self, records: Sequence[ConsumerRecord]) -> None:
        for record in records:
            if is_item_name(record.key) and record.value is not None:
                key = int.from_bytes(record.key.removeprefix(ITEM_NAME_PREFIX), "big")
                self.item_ids[key] = record.value.decode()

    def _all_later(self, values: Sequence[bytes]) -> bool:
        """Return whether the applied offset of each record is above all before it, and store the highest one."""
        applied = np.frombuffer(b"".join([value[APPLIED_OFFSET] for value in values]), "<i8")
        highest = np.maximum.accumulate(np.append(self._highest, applied))
        self._highest = int(highest[-1])
        return bool((applied > highest[:-1]).all())

    def _take_one_by_one(self, users: Sequence[tuple[bytes, bytes | None]]) -> None:
        """Store records that may be older than the stored ones, and tombstones."""
        for key, value in users:
            stored = self.users.get(key)
            if value is None:
                self.users.pop(key, None)
            elif stored is None or applied_offset_of(value) >= applied_offset_of(stored):
                self.users[key] = value


_Anything = TypeVar("_Anything")


def _batches(items: Iterable[_Anything], n: int) -> Iterator[list[_Anything]]:
    """Yield items in lists of at most n."""
    remaining = iter(items)
    while batch := list(islice(remaining, n)):
        yield batch


async def read_partitions(
    settings: Settings, on_progress: ProgressCallback
) -> AsyncIterator[tuple[int, PartitionHistory]]:
    """Read the users changelog to its present high watermark, without a consumer group.

    Args:
        settings: The broker, and the names of topics.
        on_progress: Called with the number of offsets read.

    Yields:
        A partition and its records; `PARTITIONS_AT_ONCE` are in memory together.

    Raises:
        LogReadError: The topic is missing or Kafka does not answer.
    """
    async with reader(settings.kafka, settings.kafka.timeout_s) as consumer:
        spans = await spans_of(consumer, await partitions_of(consumer, topic_names(settings).users_changelog))
        n_read, total = 0, sum(span.end - span.start for span in spans.values())
        for wave in _batches(spans, PARTITIONS_AT_ONCE):
            histories = {tp.partition: PartitionHistory() for tp in wave}
            ends, starts = {tp: spans[tp].end for tp in wave}, {tp: spans[tp].start for tp in wave}
            async for partition, records in read_span(consumer, ends, starts, settings.kafka.timeout_s):
                histories[partition].take(records)
                n_read += len(records)
                on_progress(JobProgress(READING, n_read, total))
            for partition in list(histories):
                yield partition, histories.pop(partition)
    on_progress(JobProgress(READING, total, total))  # compaction leaves gaps in the offsets


async def write_snapshot(settings: Settings, folder: Path, on_progress: ProgressCallback) -> Snapshot:
    """Write a snapshot of the users changelog.

    A user is in one partition only, so memory holds the users of `PARTITIONS_AT_ONCE` partitions, and all item names.

    Args:
        settings: The broker, and the names of topics.
        folder: An existing folder.
        on_progress: Called with the number of offsets read.

    Raises:
        LogReadError: The topic is missing or Kafka does not answer.
    """
    read_through: dict[int, int] = {}
    item_ids: dict[int, str] = {}
    n_users = 0
    with pq.ParquetWriter(folder / USERS, USERS_SCHEMA, compression="zstd", compression_level=1) as file:
        async for partition, history in read_partitions(settings, on_progress):
            users = {user: value for user, value in history.users.items() if not is_forgotten(value)}
            for table in tables_of(users):
                file.write_table(table)
            n_users += len(users)
            item_ids |= history.item_ids
            if history.read_through:
                read_through[partition] = history.read_through
    write_items(folder / ITEMS, item_ids)
    record = SnapshotRecord(read_through=read_through, n_users=n_users, n_items=len(item_ids))
    (folder / RECORD).write_bytes(msgspec.json.format(msgspec.json.encode(record)))
    return Snapshot(folder, record)


def open_snapshot(folder: Path) -> Snapshot:
    """Open a snapshot that `write_snapshot` wrote."""
    return Snapshot(folder, msgspec.json.decode((folder / RECORD).read_bytes(), type=SnapshotRecord))


def tables_of(users: dict[bytes, bytes]) -> Iterator[pa.Table]:
    """Yield users' records as tables of `USERS_SCHEMA`, by user id, at most `GROUP_USERS` rows each."""
    for keys in _batches(sorted(users), GROUP_USERS):
        records = unpack([users[key] for key in keys], 0)
        header, histories = records.header, records.histories
        columns: list[Any] = [
            pa.array(keys, pa.binary()).cast(pa.string()),
            *(np.ascontiguousarray(header[name]) for name in ("applied_offset", "plays", "last_played_s")),
            *(
                pa.LargeListArray.from_arrays(histories.starts, column)
                for column in (
                    histories.item_keys,
                    histories.values,
                    histories.touched_at_play,
                    histories.last_played_s,
                )
            ),
        ]
        yield pa.table(columns, schema=USERS_SCHEMA)


def write_items(path: Path, item_ids: dict[int, str]) -> None:
    """Write item ids and their keys."""
    keys = sorted(item_ids)
    columns = {"item_key": pa.array(keys, pa.uint64()), "item_id": pa.array([item_ids[key] for key in keys])}
    pq.write_table(pa.table(columns, schema=pa.schema({"item_key": pa.uint64(), "item_id": pa.string()})), path)
