"""What a gateway holds of the topics: lists, related items, the catalog. It is on its disk, so it outlives workers."""

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
from state.storage.rocksdb_options import rocks_options
from state.storage.rocksdb_read import values_on_disk

log = logging.getLogger(__name__)

VIEW_S_MAX = 12 * 3600.0
"""A view that has not held everything for longer is read anew: the topics keep a tombstone for a day, and an older view
would miss that of a listener who was forgotten."""
LIST, RELATED, ITEM = b"L", b"R", b"I"
"""What keys begin with, by what stands under them."""
PLACE = b"\x00"
"""What keys of places begin with: how far a partition was read."""
FORMAT_KEY = b"\x01format"
IDENTITY_KEY = b"\x01identity"
CURRENT_KEY = b"\x01current"
FORMAT = b"1"
_NUMBER = Struct(">q")
_LIST = Struct(">qq")
"""What stands before a list: the plays' offset that it reflects, and when it expires."""
CACHE_BYTES = WRITE_BUFFER_BYTES = 64 << 20


class _Reflects(msgspec.Struct):
    """The fields that a list has to have: by the one, two of them are compared; the other tells when it is none."""

    offset: Annotated[int, Meta(ge=-1, le=2**63 - 1)]
    expires_at_ms: Annotated[int, Meta(ge=0, le=2**63 - 1)]


_decode_reflects = msgspec.json.Decoder(_Reflects).decode


class HeldList(NamedTuple):
    """A listener's list as it stands on the topic."""

    offset: int
    """Offset of the latest play that it reflects."""
    value: bytes
    """The record, JSON."""
    expires_at_ms: int


class View:
    """A RocksDB of what stands on compacted topics; every change of it carries how far the partition was read.

    Taking a record twice changes nothing.
    """

    def __init__(self, folder: Path, identity: bytes = b"") -> None:
        """Open or create the view in `folder`, of the topics with some identity.

        Raises:
            StateError: A file is damaged, or it was written by another version.
        """
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._db = rocksdict.Rdict(str(folder), rocks_options(rocksdict.Cache(CACHE_BYTES), WRITE_BUFFER_BYTES))
        except Exception as error:
            message = f"The view in {folder} cannot be opened ({error}): remove the folder, and it is read anew."
            raise StateError(message) from error
        # The topics are the log: what a crash takes from memory is read again from the place that the disk has.
        self._unlogged = rocksdict.WriteOptions()
        self._unlogged.disable_wal = True
        found = self._db.get(FORMAT_KEY)
        if found not in (None, FORMAT):
            message = f"The view in {folder} is of format {found!r}: remove the folder, and it is read anew."
            raise StateError(message)
        self._db[FORMAT_KEY] = FORMAT
        self.identity: bytes = self._db.get(IDENTITY_KEY) or identity
        """Which topics were read."""
        self._db[IDENTITY_KEY] = self.identity

    def close(self) -> None:
        """Write what is in memory to the disk and close; nothing else may be called afterwards."""
        self._db.flush()
        self._db.close()

    @property
    def current_at_s(self) -> float:
        """Return when it held all that stood on the topics, or was begun, in seconds since 1970; 0: it is just begun.

        The files may be younger: who opens them writes some.
        """
        found = self._db.get(CURRENT_KEY)
        return float(_NUMBER.unpack(found)[0]) if found else 0.0

    def mark_current(self, now_s: float) -> None:
        """Take note that it holds all that stands on the topics."""
        self._db.put(CURRENT_KEY, _NUMBER.pack(int(now_s)), write_opt=self._unlogged)

    def place(self, topic: str, partition: int) -> int:
        """Return the offset after the last record taken from a partition, 0 for none."""
        found = self._db.get(_place_key(topic, partition))
        return int(_NUMBER.unpack(found)[0]) if found else 0

    def take(
        self, kind: bytes, topic: str, partition: int, records: Iterable[tuple[bytes | None, bytes | None]], place: int
    ) -> list[tuple[str, int]]:
        """Take in records of a partition, keys and values in order, up to a place, at once.

        Of a listener's lists the one that reflects most counts, as in `streams.readers.latest_list`.

        Returns:
            The listeners whose list changed, each with the offset that it reflects, -1 where there is none any more.
        """
        batch, changed = rocksdict.WriteBatch(raw_mode=True), []
        if kind == LIST:
            found = self._lists([(key, value) for key, value in records if key])
            changed = [(key.decode(errors="replace"), offset) for key, (_, offset) in found.items()]
            newest = {key: value for key, (value, _) in found.items()}
        else:
            newest = {key: value for key, value in records if key}
        for key, value in newest.items():
            if value is None:
                batch.delete(kind + key)
            else:
                batch.put(kind + key, value)
        batch.put(_place_key(topic, partition), _NUMBER.pack(place))
        self._db.write(batch, self._unlogged)
        return changed

    def _lists(self, records: Sequence[tuple[bytes, bytes | None]]) -> dict[bytes, tuple[bytes | None, int]]:
        """Return what is to stand under keys, each with the offset that it reflects; a staler list changes nothing."""
        keys = list({key for key, _ in records})
        held = dict(zip(keys, self._db.get([LIST + key for key in keys]), strict=True))
        offsets = {key: _NUMBER.unpack_from(value)[0] for key, value in held.items() if value is not None}
        found: dict[bytes, tuple[bytes | None, int]] = {}
        for key, value in records:
            if value is None:
                offsets.pop(key, None)
                found[key] = None, -1
                continue
            try:
                offset, expires_at_ms = msgspec.structs.astuple(_decode_reflects(value))
            except (ValueError, RecursionError):
                continue  # no list, so nobody's
            if key not in offsets or offset >= offsets[key]:
                offsets[key] = offset
                found[key] = _LIST.pack(offset, expires_at_ms) + value, offset
        return found

    def list_of(self, user_id: str) -> HeldList | None:
        """Return a listener's list, None if there is none."""
        found = self._db.get(LIST + user_id.encode())
        if found is None:
            return None
        offset, expires_at_ms = _LIST.unpack_from(found)
        return HeldList(offset, found[_LIST.size :], expires_at_ms)

    def related_to(self, item_id: str) -> bytes | None:
        """Return the record of the items related to an item, JSON; None if there is none."""
        found: bytes | None = self._db.get(RELATED + item_id.encode())
        return found

    def items(self, item_ids: Sequence[str]) -> list[bytes | None]:
        """Return what the catalog says of items, JSON; None of those it does not know."""
        found: list[bytes | None] = self._db.get([ITEM + item_id.encode() for item_id in item_ids])
        return found

    def all_items(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield the ids and records of all items of the catalog."""
        for key, value in self._under(ITEM):
            yield key[len(ITEM) :], value

    def listeners(self, begin: str, n: int) -> list[str]:
        """Return the first n listeners with a list whose ids begin so."""
        found: list[str] = []
        for key, _ in self._under(LIST + begin.encode()):
            if len(found) == n:
                break
            found.append(key[len(LIST) :].decode(errors="replace"))
        return found

    def _under(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield keys and values whose keys begin so."""
        for key, value in self._db.items(from_key=prefix):
            if not key.startswith(prefix):
                return
            yield key, value


def open_view(folder: Path, identity: bytes, now_s: float) -> View:
    """Open the view of some topics; one that is of others, or too old to know of all tombstones, is begun anew.

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
    """Open a view; of one that is new, nothing is older than now."""
    view = View(folder, identity)
    if not view.current_at_s:
        view.mark_current(now_s)
    return view


class ListOnDisk(NamedTuple):
    """What the files of a view hold of a listener; what a running gateway has in memory is not in them."""

    is_held: bool
    place: int
    """The offset after the last record of their partition that is in the files."""


def list_on_disk(folder: Path, user_id: str, topic: str, partition: int) -> ListOnDisk:
    """Look for a listener's list in a view that a gateway may have open.

    Raises:
        StateError: It cannot be opened.
    """
    held, place = values_on_disk(folder, [LIST + user_id.encode(), _place_key(topic, partition)])
    return ListOnDisk(held is not None, _NUMBER.unpack(place)[0] if place else 0)


def _place_key(topic: str, partition: int) -> bytes:
    return PLACE + f"{topic}:{partition}".encode()
