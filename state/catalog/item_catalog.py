"""The catalog in the memory of a process: the kind and the availability of every item."""

import asyncio
import logging
import threading
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from model.arrays import Rows
from state.catalog.availability import EVER, NEVER, NO_KIND, NOTHING, Availability, Codes, Entry
from state.catalog.unlisted import Unlisted
from state.generations.generation import Generation
from state.keys import item_key
from streams.readers.catalog_item import read_catalog_item
from streams.readers.decode_record import UnreadableRecord

log = logging.getLogger(__name__)

REMOVED_AT_ONCE = 1000
"""Items removed before other tasks run: about a millisecond."""
KINDS_MAX = 1000
"""Kinds that have a code; an item of any other kind counts as one without a kind."""
CHANGES_MAX = 100_000
"""A generation's view is evicted when more changes than this, plus one for every item, wait to be applied."""


@dataclass
class _View:
    """The catalog by the rows of one generation, and the keys of the items that changed since the last read."""

    key: int
    """The generation's key."""
    availability: Availability
    is_filled: threading.Event = field(default_factory=threading.Event)
    changed: set[int] = field(default_factory=set)
    unlisted: Unlisted | None = None


class ItemCatalog:
    """Stores records of the catalog, and returns the unlisted items of a generation.

    An item takes about 115 bytes, or about 225 if no other item has the same availability, and 19 more in the
    generation in service. Titles are not stored, nor items without a kind and a limited availability.

    One thread may store records, another read, and a third prepare a generation at the same time.

    Attributes:
        n_unreadable: The number of ignored records, which did not decode.
    """

    def __init__(self) -> None:
        """Create an empty catalog."""
        self.n_unreadable = 0
        self._entries: dict[int, Entry] = {}
        self._limited: set[int] = set()
        self._kinds: dict[str, int] = {}
        self._kind_names: list[str] = []
        self._views: dict[int, _View] = {}
        self._lock = threading.Lock()
        self._shared = lru_cache(65_536)(Entry)  # most items share an entry

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self._entries)

    def on_record(self, key: bytes | None, value: bytes | None) -> None:
        """Store a record of the topic or apply a tombstone; log and ignore a record that does not decode."""
        try:
            name = (key or b"").decode()
            entry = self._entry_of(key, value) if value is not None else NOTHING
        except (UnreadableRecord, UnicodeDecodeError) as error:
            self._ignore(key, error)
            return
        self._set(item_key(name), entry)

    async def clear(self) -> None:
        """Remove all items, because their topic was made again; other tasks run meanwhile."""
        keys = list(self._entries)
        for first in range(0, len(keys), REMOVED_AT_ONCE):
            for key in keys[first : first + REMOVED_AT_ONCE]:
                self._set(key, NOTHING)
            await asyncio.sleep(0)

    @property
    def limits_any(self) -> bool:
        """Return whether the availability of any item is limited."""
        return bool(self._limited)

    def is_available(self, item_id: str, now_ms: int) -> bool:
        """Return whether an item is available at a moment; an item without metadata always is."""
        if not self.limits_any:
            return True
        entry = self._entries.get(item_key(item_id), NOTHING)
        return entry.from_ms <= now_ms < entry.until_ms

    def kind_of(self, item_id: str) -> str | None:
        """Return the kind of an item, None if it has none."""
        code = self._entries.get(item_key(item_id), NOTHING).kind
        return None if code == NO_KIND else self._kind_names[code]

    def prepare(self, generation: Generation) -> None:
        """Compute the view of a generation before its swap; it takes a second for a million items."""
        self._view_of(generation)

    def generation_swapped(self, generation: Generation) -> None:
        """Drop the views of all other generations."""
        with self._lock:
            self._views = {key: view for key, view in self._views.items() if key == generation.key}

    def revision_swapped(self, generation: Generation) -> None:
        """Keep the view: it has the same items."""

    def unlisted(self, generation: Generation, now_ms: int) -> Unlisted:
        """Return the unlisted items of a generation at a moment."""
        view, withdrawn_rows = self._current_view(generation), generation.revision.withdrawn_rows
        rows, unlisted = view.availability.unavailable_rows(now_ms), view.unlisted
        if unlisted is None or unlisted.unavailable_rows is not rows or unlisted.withdrawn_rows is not withdrawn_rows:
            unlisted = view.unlisted = Unlisted.of(generation, rows)
        return unlisted

    def kinds_of(self, generation: Generation) -> tuple[list[str], Codes]:
        """Return the names of the kinds, and for every row the index of its kind, -1 for none."""
        view = self._current_view(generation)
        return self._kind_names.copy(), view.availability.kinds

    def _entry_of(self, key: bytes | None, value: bytes) -> Entry:
        item = read_catalog_item(key, value)
        kind = NO_KIND if item.kind is None else self._code_of(item.kind)
        from_ms = EVER if item.available_from_ms is None else item.available_from_ms
        until_ms = NEVER if item.available_until_ms is None else item.available_until_ms
        return self._shared(kind, from_ms, until_ms)

    def _code_of(self, kind: str) -> int:
        code = self._kinds.get(kind)
        if code is None:
            if len(self._kind_names) >= KINDS_MAX:
                return NO_KIND
            code = self._kinds[kind] = len(self._kind_names)
            self._kind_names.append(kind)
        return code

    def _ignore(self, key: bytes | None, error: ValueError) -> None:
        """Count an ignored record; log the first, the second, the fourth and so on, since there may be millions."""
        self.n_unreadable += 1
        if self.n_unreadable & (self.n_unreadable - 1) == 0:
            reason = error.reason if isinstance(error, UnreadableRecord) else str(error)
            fields = {"key": repr(key)[:200], "reason": reason, "so_far": self.n_unreadable}
            log.warning("catalog_item_unreadable", extra=fields)

    def _set(self, key: int, entry: Entry) -> None:
        with self._lock:
            if entry == NOTHING:
                self._entries.pop(key, None)
            else:
                self._entries[key] = entry
            if (entry.from_ms, entry.until_ms) == (EVER, NEVER):
                self._limited.discard(key)
            else:
                self._limited.add(key)
            for view in list(self._views.values()):
                view.changed.add(key)
                if len(view.changed) > len(self._entries) + CHANGES_MAX:
                    del self._views[view.key]

    def _current_view(self, generation: Generation) -> _View:
        """Return the up-to-date view of a generation."""
        view = self._view_of(generation)
        with self._lock:
            keys = list(view.changed)
            entries = [self._entries.get(key, NOTHING) for key in keys]
            view.changed.clear()
        if keys:
            view.availability.put(_rows_of(generation, keys), entries)
        return view

    def _view_of(self, generation: Generation) -> _View:
        """Return the view of a generation, or create it; changes during its creation wait in it."""
        with self._lock:
            view = self._views.get(generation.key)
            is_new = view is None
            if view is None:
                view = self._views[generation.key] = _View(generation.key, Availability(len(generation.item_keys)))
                keys, entries = list(self._entries), list(self._entries.values())
        if is_new:
            view.availability.put(_rows_of(generation, keys), entries)
            view.is_filled.set()
        view.is_filled.wait()
        return view


def _rows_of(generation: Generation, keys: Collection[int]) -> Rows:
    return generation.rows_of(np.fromiter(keys, np.uint64, len(keys)))
