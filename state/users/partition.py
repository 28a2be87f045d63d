"""The state of one partition: user records and item names in one RocksDB, in step with the changelog."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from struct import Struct

import numpy as np
import rocksdict

from state.keys import (
    EPOCH_KEY,
    LISTS_KEY,
    TOPIC_KEYS,
    is_item_name,
    is_user,
    key_of_item_name,
)
from state.storage.rocksdb_open import open_rocksdb
from state.storage.rocksdb_options import rocks_options
from state.users.changelog import ChangelogRecord, Place, applied_offsets_of, place_of
from state.users.item_names import ItemNames
from state.users.lists_topic import ListsTopic, read_lists_topic
from state.users.plays_epoch import PlaysEpoch, read_epoch
from state.users.record import upgraded
from state.users.record_bytes import (
    FORGOTTEN_BYTES,
    LISTED_AT,
    LISTED_AT_MS,
    applied_offset_of,
    is_forgotten,
    is_owed,
)
from state.users.stored_keys import (
    CHANGELOG_KEY,
    FIRST_USER_KEY,
    FORGOTTEN_PREFIX,
    OUTRANKED_PREFIX,
    OWED_PREFIX,
    PLACE_KEY,
    SWEPT_KEY,
)

_SECONDS = Struct("<I")
_MILLISECONDS = Struct("<q")


class PartitionState:
    """One RocksDB; every change of it is one WriteBatch that carries its place in the changelog."""

    def __init__(self, folder: Path, cache: rocksdict.Cache | None = None, named_max: int = 1_000_000) -> None:
        """Open or create the state in `folder`.

        Args:
            folder: Folder of the database; its parents are made.
            cache: Block cache shared with other partitions.
            named_max: Most item names cached as written; above it the cache is cleared.

        Raises:
            Exception: RocksDB's own, when another process holds the folder or a file is damaged.
        """
        folder.parent.mkdir(parents=True, exist_ok=True)
        self._db = open_rocksdb(folder, partial(rocks_options, cache))
        # The changelog is the log: after a crash, recovery reads it from the place on the disk.
        self._unlogged = rocksdict.WriteOptions()
        self._unlogged.disable_wal = True
        self.place = place_of(self._db.get(PLACE_KEY))
        self.epoch: PlaysEpoch = read_epoch(self._db.get(EPOCH_KEY))
        """The `plays` topic of the state."""
        self.lists_topic: ListsTopic = read_lists_topic(self._db.get(LISTS_KEY))
        """The topic that its lists are on."""
        self.changelog_id: str = (self._db.get(CHANGELOG_KEY) or b"").decode()
        """Id of the changelog that the place is in; empty if it was never recorded."""
        self.has_outranked = bool(self.outranked(1))
        self.has_forgotten = any(True for _ in self.forgotten())
        self.has_owed = any(True for _ in self._marked(OWED_PREFIX))
        self._swept = int.from_bytes(self._db.get(SWEPT_KEY) or b"", "little")
        self._sweeping = 0
        self.names = ItemNames(self._db, named_max)

    def close(self) -> None:
        """Flush the memory to the disk and close; a closed state cannot be used."""
        self._db.flush()
        self._db.close()

    def adopt_changelog(self, topic_id: str) -> None:
        """Store the id of the changelog that the place is in."""
        self._db.put(CHANGELOG_KEY, topic_id.encode(), write_opt=self._unlogged)
        self.changelog_id = topic_id

    def read(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the values of many keys, None where there is none."""
        return self._db.get(list(keys))  # type: ignore[no-any-return]

    def commit(self, writes: Iterable[tuple[bytes, bytes | None]], place: Place) -> None:
        """Write values and their place in the changelog atomically."""
        batch = rocksdict.WriteBatch(raw_mode=True)
        for key, value in writes:
            self._put(batch, key, value)
            if is_item_name(key):
                self.names.remember(key_of_item_name(key))
            elif key in TOPIC_KEYS:
                self._take_topic(key, value)
        self._write(batch, place)

    def _take_topic(self, key: bytes, value: bytes | None) -> None:
        if key == EPOCH_KEY:
            self.epoch = read_epoch(value)
        else:
            self.lists_topic = read_lists_topic(value)

    def apply_changelog(self, records: Sequence[ChangelogRecord]) -> int:
        """Apply consecutive changelog records, keeping per user the record with the highest applied offset.

        A record with a lower applied offset than the stored one comes from a worker that was revoked and wrote late.
        The state keeps the stored record and marks its user as outranked. The stored record is then written to the
        changelog again, before compaction could prefer the stale one. The mark is as durable as the place.

        Returns:
            How many records were outranked.

        Raises:
            RecordFormatError: A record is too short to be a user's; no record was applied.
        """
        batch = rocksdict.WriteBatch(raw_mode=True)
        users = [record for record in records if record.value is not None and is_user(record.key)]
        applied = applied_offsets_of(users)
        highest = np.maximum.accumulate(np.append(self.place.applied_offset_max, applied))
        # A record above all earlier ones is also above its user's earlier record: workers write in that order.
        later = applied > highest[:-1]
        if later.all():  # the usual case: names, tombstones and users' records are written unchanged
            for record in records:
                self._put(batch, record.key, record.value)
            outranked = []
        else:
            outranked = self._apply_doubtful(records, dict(zip(map(id, users), later.tolist(), strict=True)), batch)
        self._apply_topics([record for record in records if record.key in TOPIC_KEYS], batch)
        batch.delete(SWEPT_KEY)  # another worker wrote these records, perhaps under another generation
        self._swept = self._sweeping = 0
        self._write(batch, Place(records[-1].offset, int(highest[-1])))
        return len(outranked)

    def _apply_topics(self, records: Sequence[ChangelogRecord], batch: rocksdict.WriteBatch) -> None:
        """Keep the highest epoch, of equals the later record: a late worker may repeat an earlier one.

        Of the topics of lists the last one counts. A late worker's record is harmless: it was true when it was made,
        and an id of before is another one than the present.
        """
        values = [record.value for record in records if record.key == EPOCH_KEY]
        if values:
            self.epoch = max([self.epoch, *map(read_epoch, values)][::-1], key=lambda epoch: epoch.epoch)
            batch.put(EPOCH_KEY, self.epoch.encode())
        for record in records:
            if record.key == LISTS_KEY:
                self.lists_topic = read_lists_topic(record.value)

    def _apply_doubtful(
        self, records: Sequence[ChangelogRecord], later: Mapping[int, bool], batch: rocksdict.WriteBatch
    ) -> list[bytes]:
        """Apply records of which some may be staler than the state, or than earlier ones of this batch."""
        newest: dict[bytes, bytes | None] = {}
        doubtful: dict[bytes, list[bytes]] = {}
        for record in records:
            if record.value is None or later.get(id(record), True):
                newest[record.key] = record.value
                doubtful.pop(record.key, None)
            else:
                doubtful.setdefault(record.key, []).append(record.value)
        outranked = self._settle(doubtful, newest)
        for key, value in newest.items():
            self._put(batch, key, value)
        for key in outranked:
            batch.put(OUTRANKED_PREFIX + key, b"")
        self.has_outranked = self.has_outranked or bool(outranked)
        return outranked

    def _settle(self, doubtful: dict[bytes, list[bytes]], newest: dict[bytes, bytes | None]) -> list[bytes]:
        """Compare records with the earlier ones of this batch and of the state; put winners into `newest`.

        Of equal applied offsets the later record wins: it has the same history, folded under a later generation.
        """
        outranked = []
        for key, stored in zip(doubtful, self.read(list(doubtful)), strict=True):
            best = newest.get(key, stored)
            for value in doubtful[key]:
                if best is None or applied_offset_of(value) >= applied_offset_of(best):
                    best = value
                else:
                    outranked.append(key)
            newest[key] = best
        return outranked

    def outranked(self, n: int) -> list[bytes]:
        """Return at most `n` users whose winning record has to be written to the changelog again."""
        return [user for (user, _), _ in zip(self._marked(OUTRANKED_PREFIX), range(n), strict=False)]

    def forgotten(self) -> Iterator[bytes]:
        """Yield the forgotten users: their record is a marker."""
        return (user for user, _ in self._marked(FORGOTTEN_PREFIX))

    def forgotten_before(self, at_s: float) -> Iterator[bytes]:
        """Yield the forgotten users whose marker was made before a moment, in seconds since 1970."""
        return (user for user, made in self._marked(FORGOTTEN_PREFIX) if _SECONDS.unpack(made)[0] < at_s)

    def owed_since(self, listed_at_ms: int) -> Iterator[bytes]:
        """Yield the users with an unpublished list whose published list was made no later than a moment."""
        return (user for user, at in self._marked(OWED_PREFIX) if _MILLISECONDS.unpack(at)[0] <= listed_at_ms)

    def users(self, after: bytes, n: int) -> list[tuple[bytes, bytes]]:
        """Return at most `n` users with keys greater than `after`, in the order of their keys."""
        start = max(after + b"\x00", FIRST_USER_KEY)
        return [item for item, _ in zip(self._db.items(from_key=start), range(n), strict=False)]

    @property
    def n_keys_about(self) -> int:
        """About how many users and items' names there are, as RocksDB estimates it."""
        return self._db.property_int_value("rocksdb.estimate-num-keys") or 0

    @property
    def swept(self) -> int:
        """Key of the generation under which every user was folded last; 0: none."""
        return self._swept

    def begin_sweep(self, generation_key: int) -> None:
        """Begin a sweep, which folds every user under a generation."""
        self._sweeping = generation_key

    def folds_under(self, generation_key: int) -> None:
        """Record that users will be folded under a generation, 0 for none.

        If it is another generation than that of the present or the last sweep, a return to the latter needs a new
        sweep. So the mark of the sweep is removed, on the disk as well, before the users are written.
        """
        if self._sweeping != generation_key:
            self._sweeping = 0
        if self._swept not in (0, generation_key):
            self._mark_swept(0)

    def end_sweep(self, generation_key: int) -> bool:
        """Mark the partition as swept; False if users were folded under another generation since the sweep began."""
        if self._sweeping != generation_key:
            return False
        self._sweeping = 0
        self._mark_swept(generation_key)
        return True

    def _mark_swept(self, generation_key: int) -> None:
        self._swept = generation_key
        self._db.put(SWEPT_KEY, generation_key.to_bytes(8, "little"), write_opt=self._unlogged)

    def _marked(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the users with a mark, and the value of the mark, in the order of their keys."""
        for key, mark in self._db.items(from_key=prefix):
            if not key.startswith(prefix):
                return
            yield key.removeprefix(prefix), mark

    def _write(self, batch: rocksdict.WriteBatch, place: Place) -> None:
        batch.put(PLACE_KEY, place.encode())
        self._db.write(batch, self._unlogged)
        self.place = place
        self.has_outranked = self.has_outranked and bool(self.outranked(1))
        self.has_forgotten = self.has_forgotten and any(True for _ in self.forgotten())
        self.has_owed = self.has_owed and any(True for _ in self._marked(OWED_PREFIX))

    def _put(self, batch: rocksdict.WriteBatch, key: bytes, value: bytes | None) -> None:
        if value is None:
            batch.delete(key)
        else:
            batch.put(key, value)
        record = value if is_user(key) else None
        if record is not None and len(record) <= FORGOTTEN_BYTES and is_forgotten(record):
            batch.put(FORGOTTEN_PREFIX + key, upgraded(record)[LISTED_AT])
            self.has_forgotten = True
        elif self.has_forgotten:
            batch.delete(FORGOTTEN_PREFIX + key)
        if record is not None and is_owed(record):
            batch.put(OWED_PREFIX + key, record[LISTED_AT_MS])
            self.has_owed = True
        elif self.has_owed:
            batch.delete(OWED_PREFIX + key)
        if self.has_outranked:  # this record follows the stale one in the changelog
            batch.delete(OUTRANKED_PREFIX + key)
