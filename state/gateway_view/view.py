"""The view of the topics: a RocksDB with their latest records."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from pathlib import Path

import rocksdict

from state.errors import StateError
from state.gateway_view.keys import ITEM, LIST, MISPLACED, NUMBER, OFFSET, PARTITION, RELATED, misplaced_key, offset_key
from state.gateway_view.stored_list import StoredList, newer_lists, plays_in, read_list, stored_position
from state.storage.rocksdb_open import open_rocksdb
from state.storage.rocksdb_options import rocks_options
from streams.partitioning import partition_of

FORMAT_KEY = b"\x01format"
IDENTITY_KEY = b"\x01identity"
CURRENT_KEY = b"\x01current"
FORMAT = b"1"
CACHE_BYTES = WRITE_BUFFER_BYTES = 64 << 20


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
        return float(NUMBER.unpack(value)[0]) if value else 0.0

    def mark_current(self, now_s: float) -> None:
        """Store that the view has all records of the topics now."""
        self._db.put(CURRENT_KEY, NUMBER.pack(int(now_s)), write_opt=self._unlogged)

    def next_offset(self, topic: str, partition: int) -> int:
        """Return the offset after the last stored record of a partition, 0 for none."""
        value = self._db.get(offset_key(topic, partition))
        return int(NUMBER.unpack(value)[0]) if value else 0

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
        batch.put(offset_key(topic, partition), NUMBER.pack(next_offset))
        self._db.write(batch, self._unlogged)
        return changed

    def _list_key(self, key: bytes, partition: int) -> bytes:
        """Return the key of a listener's list that is on a partition."""
        if not self._n_partitions or partition_of(key.decode(errors="replace"), self._n_partitions) == partition:
            return LIST + key
        self._has_misplaced = True
        return misplaced_key(key, partition)

    def _newer_lists(
        self, partition: int, records: Sequence[tuple[bytes, bytes | None]]
    ) -> dict[bytes, tuple[bytes | None, int]]:
        """Return the values to store by key, each with the position of its latest play."""
        keys = list({key for key, _ in records})
        stored = dict(zip(keys, self._db.get([self._list_key(key, partition) for key in keys]), strict=True))
        return newer_lists(records, {key: stored_position(value) for key, value in stored.items() if value is not None})

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
                return max(map(read_list, lists), key=plays_in)
            value = lists[0] if lists else None
        return None if value is None else read_list(value)

    def misplaced_partitions(self, user_id: str) -> list[int]:
        """Return the partitions with a list of a listener, without the partition of their key."""
        if not self._has_misplaced:
            return []
        prefix = MISPLACED + user_id.encode() + b"\x00"
        return [PARTITION.unpack(key[len(prefix) :])[0] for key, _ in self._with_prefix(prefix)]

    def reflected_position(self, user_id: str, partition: int) -> int | None:
        """Return the position of the latest play in a listener's list of a partition; None if there is no list."""
        key = LIST + user_id.encode()
        if self._n_partitions and partition_of(user_id, self._n_partitions) != partition:
            key = misplaced_key(user_id.encode(), partition)
        value = self._db.get(key)
        return None if value is None else stored_position(value)

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
                key[len(MISPLACED) : -1 - PARTITION.size] for key, _ in self._with_prefix(MISPLACED + begin.encode())
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
