"""A gateway's view of the topics on its disk: lists, related items, the catalog. It does not need a worker."""

import logging
from collections.abc import Iterable, Iterator, Sequence
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
from streams.positions import EPOCH_MAX, OFFSET_MASK, position_of

log = logging.getLogger(__name__)

VIEW_S_MAX = 12 * 3600.0
"""A view that was not current for longer is dropped and read again: the topics keep a tombstone for a day, and an older
view would miss the tombstone of a forgotten listener."""
LIST, RELATED, ITEM = b"L", b"R", b"I"
"""Prefixes of the keys of lists, related items and catalog items."""
OFFSET = b"\x00"
"""Prefix of the keys of partitions' next offsets."""
FORMAT_KEY = b"\x01format"
IDENTITY_KEY = b"\x01identity"
CURRENT_KEY = b"\x01current"
FORMAT = b"1"
_NUMBER = Struct(">q")
_LIST = Struct(">qq")
"""Header of a stored list: the position of the latest play in it, and its expiry in milliseconds."""
CACHE_BYTES = WRITE_BUFFER_BYTES = 64 << 20


class _Reflects(msgspec.Struct):
    """The fields of a list by which two lists are ordered, and its expiry."""

    offset: Annotated[int, Meta(ge=-1, le=OFFSET_MASK)]
    expires_at_ms: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    epoch: Annotated[int, Meta(ge=0, le=EPOCH_MAX)] = 0


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

    def __init__(self, folder: Path, identity: bytes = b"") -> None:
        """Open or create the view of the topics with an identity, in `folder`.

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

        Of a listener's lists, the one with the latest play is stored, as in `streams.readers.latest_list`.

        Returns:
            The listeners whose list changed, each with the position of its latest play, -1 for a removed list.
        """
        batch, changed = rocksdict.WriteBatch(raw_mode=True), []
        if kind == LIST:
            lists = self._newer_lists([(key, value) for key, value in records if key])
            changed = [(key.decode(errors="replace"), position) for key, (_, position) in lists.items()]
            newest = {key: value for key, (value, _) in lists.items()}
        else:
            newest = {key: value for key, value in records if key}
        for key, value in newest.items():
            if value is None:
                batch.delete(kind + key)
            else:
                batch.put(kind + key, value)
        batch.put(_offset_key(topic, partition), _NUMBER.pack(next_offset))
        self._db.write(batch, self._unlogged)
        return changed

    def _newer_lists(self, records: Sequence[tuple[bytes, bytes | None]]) -> dict[bytes, tuple[bytes | None, int]]:
        """Return the values to store by key, each with the position of its latest play; stale lists are ignored."""
        keys = list({key for key, _ in records})
        stored = dict(zip(keys, self._db.get([LIST + key for key in keys]), strict=True))
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

    def list_of(self, user_id: str) -> StoredList | None:
        """Return a listener's list, None if there is none."""
        value = self._db.get(LIST + user_id.encode())
        if value is None:
            return None
        position, expires_at_ms = _LIST.unpack_from(value)
        return StoredList(position, value[_LIST.size :], expires_at_ms)

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
        user_ids: list[str] = []
        for key, _ in self._with_prefix(LIST + begin.encode()):
            if len(user_ids) == n:
                break
            user_ids.append(key[len(LIST) :].decode(errors="replace"))
        return user_ids

    def _with_prefix(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the keys with a prefix, in order, with their values."""
        for key, value in self._db.items(from_key=prefix):
            if not key.startswith(prefix):
                return
            yield key, value


def _options() -> rocksdict.Options:
    return rocks_options(rocksdict.Cache(CACHE_BYTES), WRITE_BUFFER_BYTES)


def open_view(folder: Path, identity: bytes, now_s: float) -> View:
    """Open the view of some topics. Drop a view of other topics, or one that is too old to have seen all tombstones.

    Raises:
        StateError: It cannot be opened.
    """
    finish_removals(folder.parent)
    view = _opened(folder, identity, now_s)
    age_s = now_s - view.current_at_s
    if view.identity == identity and age_s <= VIEW_S_MAX:
        return view
    view.close()
    remove_folder(folder)
    log.warning("view_dropped", extra={"folder": str(folder), "age_s": round(age_s)})
    return _opened(folder, identity, now_s)


def _opened(folder: Path, identity: bytes, now_s: float) -> View:
    """Open a view, and mark a new one as current."""
    view = View(folder, identity)
    if not view.current_at_s:
        view.mark_current(now_s)
    return view


class ListOnDisk(NamedTuple):
    """A listener's list in the files of a view, without the writes in the memory of a running gateway."""

    exists: bool
    next_offset: int
    """The offset after the last record of the listener's partition in the files."""


def list_on_disk(folder: Path, user_id: str, topic: str, partition: int) -> ListOnDisk:
    """Read a listener's list from the files of a view that a gateway may have open.

    Raises:
        StateError: It cannot be opened.
    """
    keys = [LIST + user_id.encode(), _offset_key(topic, partition)]
    value, next_offset = values_on_disk(folder, keys)
    return ListOnDisk(value is not None, _NUMBER.unpack(next_offset)[0] if next_offset else 0)


def _offset_key(topic: str, partition: int) -> bytes:
    return OFFSET + f"{topic}:{partition}".encode()
