"""A gateway's view of the topics on its disk: lists, related items, the catalog. It does not need a worker."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from pathlib import Path
from struct import Struct
from typing import Annotated, NamedTuple

import msgspec
import rocksdict
from msgspec import Meta

from state.errors import StateError
from state.storage.files import finish_removals, remove_folder
from state.storage.rocksdb_open import open_rocksdb
from state.storage.rocksdb_options import rocks_options
from state.storage.rocksdb_read import values_on_disk
from streams.partitioning import partition_of
from streams.positions import EPOCH_MAX, OFFSET_MASK, position_of

log = logging.getLogger(__name__)

VIEW_S_MAX = 12 * 3600.0
"""A view that was not current for longer is dropped and read again: the topics keep a tombstone for a day, and an older
view would miss the tombstone of a forgotten listener."""
LIST, RELATED, ITEM = b"L", b"R", b"I"
"""Prefixes of the keys of lists, related items and catalog items."""
MISPLACED = b"M"
"""Prefix of the keys of lists on a partition that is not the one of their key: user id, zero byte, partition."""
OFFSET = b"\x00"
"""Prefix of the keys of partitions' next offsets."""
FORMAT_KEY = b"\x01format"
IDENTITY_KEY = b"\x01identity"
CURRENT_KEY = b"\x01current"
FORMAT = b"1"
_NUMBER = Struct(">q")
_PARTITION = Struct(">I")
_LIST = Struct(">qq")
"""Header of a stored list: the position of the latest play in it, and its expiry in milliseconds."""
CACHE_BYTES = WRITE_BUFFER_BYTES = 64 << 20


class _Reflects(msgspec.Struct):
    """The fields of a list that order two lists of a partition, and of two partitions, and its expiry."""

    offset: Annotated[int, Meta(ge=-1, le=OFFSET_MASK)]
    expires_at_ms: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    epoch: Annotated[int, Meta(ge=0, le=EPOCH_MAX)] = 0
    plays: int = 0


_decode_reflects = msgspec.json.Decoder(_Reflects).decode


class StoredList(NamedTuple):
    """A listener's list as it is on the topic."""

    position: int
    """The position of the latest play that it reflects."""
    value: bytes
    """The record, JSON."""
    expires_at_ms: int


class View:
    """A RocksDB with the latest records of compacted topics; every write also stores the partition's next offset.

    Storing a record twice changes nothing.
    """

    def __init__(self, folder: Path, identity: bytes = b"", n_partitions: int = 0) -> None:
        """Open or create the view of the topics with an identity, in `folder`.

        Args:
            folder: The folder of the view.
            identity: The identity of the topics.
            n_partitions: Partitions of the lists, by which a misplaced one is recognized; 0: none is.

        Raises:
            StateError: A file is damaged, or it was written by another version.
        """
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._db = open_rocksdb(folder, _options)
        except Exception as error:
            message = f"The view in {folder} cannot be opened ({error}): remove the folder, and it is read anew."
            raise StateError(message) from error
        # The topics are the log: after a crash, records are read again from the next offset on the disk.
        self._unlogged = rocksdict.WriteOptions()
        self._unlogged.disable_wal = True
        written_format = self._db.get(FORMAT_KEY)
        if written_format not in (None, FORMAT):
            message = f"The view in {folder} is of format {written_format!r}: remove the folder, and it is read anew."
            raise StateError(message)
        self._db[FORMAT_KEY] = FORMAT
        self.identity: bytes = self._db.get(IDENTITY_KEY) or identity
        """The identity of the topics that were read."""
        self._db[IDENTITY_KEY] = self.identity
        self._n_partitions = n_partitions
        self._has_misplaced = next(self._with_prefix(MISPLACED), None) is not None

    def close(self) -> None:
        """Flush to the disk and close; no other method may be called afterwards."""
        self._db.flush()
        self._db.close()

    @property
    def current_at_s(self) -> float:
        """Return when the view last had all records, or was created, in seconds since 1970; 0 for a new view.

        The modification times of the files are no measure, because opening the view writes files.
        """
        value = self._db.get(CURRENT_KEY)
        return float(_NUMBER.unpack(value)[0]) if value else 0.0

    def mark_current(self, now_s: float) -> None:
        """Store that the view has all records of the topics now."""
        self._db.put(CURRENT_KEY, _NUMBER.pack(int(now_s)), write_opt=self._unlogged)

    def next_offset(self, topic: str, partition: int) -> int:
        """Return the offset after the last stored record of a partition, 0 for none."""
        value = self._db.get(_offset_key(topic, partition))
        return int(_NUMBER.unpack(value)[0]) if value else 0

    def store(
        self,
        kind: bytes,
        topic: str,
        partition: int,
        records: Iterable[tuple[bytes | None, bytes | None]],
        next_offset: int,
    ) -> list[tuple[str, int]]:
        """Store consecutive records of a partition and its next offset in one write.

        Of a listener's lists on a partition, the one with the latest play is stored, as in
        `streams.readers.latest_list`.

        Returns:
            The listeners whose list changed, each with the position of its latest play, -1 for a removed list.
        """
        batch, changed = rocksdict.WriteBatch(raw_mode=True), []
        if kind == LIST:
            lists = self._newer_lists(partition, [(key, value) for key, value in records if key])
            changed = [(key.decode(errors="replace"), position) for key, (_, position) in lists.items()]
            newest = {self._list_key(key, partition): value for key, (value, _) in lists.items()}
        else:
            newest = {kind + key: value for key, value in records if key}
        for key, value in newest.items():
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        batch.put(_offset_key(topic, partition), _NUMBER.pack(next_offset))
        self._db.write(batch, self._unlogged)
        return changed

    def _list_key(self, key: bytes, partition: int) -> bytes:
        """Return the key of a listener's list that is on a partition."""
        if not self._n_partitions or partition_of(key.decode(errors="replace"), self._n_partitions) == partition:
            return LIST + key
        self._has_misplaced = True
        return _misplaced_key(key, partition)

    def _newer_lists(
        self, partition: int, records: Sequence[tuple[bytes, bytes | None]]
    ) -> dict[bytes, tuple[bytes | None, int]]:
        """Return the values to store by key, each with the position of its latest play; stale lists are ignored."""
        keys = list({key for key, _ in records})
        stored = dict(zip(keys, self._db.get([self._list_key(key, partition) for key in keys]), strict=True))
        positions = {key: _NUMBER.unpack_from(value)[0] for key, value in stored.items() if value is not None}
        newer: dict[bytes, tuple[bytes | None, int]] = {}
        for key, value in records:
            if value is None:
                positions.pop(key, None)
                newer[key] = None, -1
                continue
            try:
                reflects = _decode_reflects(value)
            except (ValueError, RecursionError):
                continue  # it does not decode
            position = position_of(reflects.epoch, reflects.offset)
            if key not in positions or position >= positions[key]:
                positions[key] = position
                newer[key] = _LIST.pack(position, reflects.expires_at_ms) + value, position
        return newer

    def remove_topic(self, kind: bytes, topic: str, identity: bytes) -> None:
        """Remove the records and offsets of a topic that was made again, and store the identity of the present topics.

        It is one write.
        """
        prefixes = [kind, OFFSET + f"{topic}:".encode()]
        if kind == LIST:
            prefixes.append(MISPLACED)
            self._has_misplaced = False
        batch = rocksdict.WriteBatch(raw_mode=True)
        for prefix in prefixes:
            batch.delete_range(prefix, prefix[:-1] + bytes([prefix[-1] + 1]))
        batch.put(IDENTITY_KEY, identity)
        self._db.write(batch)
        self.identity = identity

    def list_of(self, user_id: str) -> StoredList | None:
        """Return a listener's list, None if there is none; of several partitions, the list with the most plays."""
        value = self._db.get(LIST + user_id.encode())
        if self._has_misplaced:
            lists = [] if value is None else [value]
            lists += [other for _, other in self._with_prefix(MISPLACED + user_id.encode() + b"\x00")]
            if len(lists) > 1:
                return max(map(_stored_list, lists), key=lambda made: _decode_reflects(made.value).plays)
            value = lists[0] if lists else None
        return None if value is None else _stored_list(value)

    def misplaced_partitions(self, user_id: str) -> list[int]:
        """Return the partitions with a list of a listener, without the partition of their key."""
        if not self._has_misplaced:
            return []
        prefix = MISPLACED + user_id.encode() + b"\x00"
        return [_PARTITION.unpack(key[len(prefix) :])[0] for key, _ in self._with_prefix(prefix)]

    def reflected_position(self, user_id: str, partition: int) -> int | None:
        """Return the position of the latest play in a listener's list of a partition; None if there is no list."""
        key = LIST + user_id.encode()
        if self._n_partitions and partition_of(user_id, self._n_partitions) != partition:
            key = _misplaced_key(user_id.encode(), partition)
        value = self._db.get(key)
        return None if value is None else _stored_list(value).position

    def related_to(self, item_id: str) -> bytes | None:
        """Return the record of the items related to an item, JSON; None if there is none."""
        value: bytes | None = self._db.get(RELATED + item_id.encode())
        return value

    def items(self, item_ids: Sequence[str]) -> list[bytes | None]:
        """Return the catalog records of items, JSON; None for unknown ones."""
        values: list[bytes | None] = self._db.get([ITEM + item_id.encode() for item_id in item_ids])
        return values

    def all_items(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield the ids and records of all items of the catalog."""
        for key, value in self._with_prefix(ITEM):
            yield key[len(ITEM) :], value

    def listeners(self, begin: str, n: int) -> list[str]:
        """Return the first n listeners with a list whose ids begin with `begin`, in order."""
        keys = [key[len(LIST) :] for key, _ in islice(self._with_prefix(LIST + begin.encode()), n)]
        if self._has_misplaced:
            others = (
                key[len(MISPLACED) : -1 - _PARTITION.size] for key, _ in self._with_prefix(MISPLACED + begin.encode())
            )
            keys = sorted({*keys, *islice((key for key, _ in groupby(others)), n)})[:n]
        return [key.decode(errors="replace") for key in keys]

    def _with_prefix(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the keys with a prefix, in order, with their values."""
        for key, value in self._db.items(from_key=prefix):
            if not key.startswith(prefix):
                return
            yield key, value


def _options() -> rocksdict.Options:
    return rocks_options(rocksdict.Cache(CACHE_BYTES), WRITE_BUFFER_BYTES)


def _stored_list(value: bytes) -> StoredList:
    position, expires_at_ms = _LIST.unpack_from(value)
    return StoredList(position, value[_LIST.size :], expires_at_ms)


def open_view(folder: Path, identity: bytes, now_s: float, n_partitions: int = 0) -> View:
    """Open the view of some topics. Drop a view of other topics, or one that is too old to have seen all tombstones.

    Raises:
        StateError: It cannot be opened.
    """
    finish_removals(folder.parent)
    view = _opened(folder, identity, now_s, n_partitions)
    age_s = now_s - view.current_at_s
    if view.identity == identity and age_s <= VIEW_S_MAX:
        return view
    view.close()
    remove_folder(folder)
    log.warning("view_dropped", extra={"folder": str(folder), "age_s": round(age_s)})
    return _opened(folder, identity, now_s, n_partitions)


def _opened(folder: Path, identity: bytes, now_s: float, n_partitions: int) -> View:
    """Open a view, and mark a new one as current."""
    view = View(folder, identity, n_partitions)
    if not view.current_at_s:
        view.mark_current(now_s)
    return view


def lists_on_disk(folder: Path, user_id: str, topic: str, home: int, n_partitions: int) -> dict[int, int]:
    """Read a listener's lists from the files of a view, without the writes in the memory of a running gateway.

    Args:
        folder: The folder of the view, which a gateway may have open.
        user_id: The listener.
        topic: The topic of the lists.
        home: The partition of the listener's key.
        n_partitions: Partitions of the topic.

    Returns:
        By partition with a list, the offset after the last record of the partition in the files.

    Raises:
        StateError: It cannot be opened.
    """
    key, numbers = user_id.encode(), range(n_partitions)
    places = [_misplaced_key(key, number) for number in numbers]
    places[home] = LIST + key
    values = values_on_disk(folder, [*places, *(_offset_key(topic, number) for number in numbers)])
    offsets = [_NUMBER.unpack(value)[0] if value else 0 for value in values[n_partitions:]]
    return {number: offsets[number] for number in numbers if values[number] is not None}


def _misplaced_key(key: bytes, partition: int) -> bytes:
    return MISPLACED + key + b"\x00" + _PARTITION.pack(partition)


def _offset_key(topic: str, partition: int) -> bytes:
    return OFFSET + f"{topic}:{partition}".encode()
