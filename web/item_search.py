"""Search for items by part of their title, artist or id."""

import threading
from collections.abc import Iterable, Iterator

import numpy as np

from state.generations.generation import Generation
from state.generations.serving import Serving
from state.keys import item_key
from streams.readers.catalog_item import read_catalog_item
from streams.readers.decode_record import UnreadableRecord
from web.schemas import FoundItem

LOOKED_AT_MAX = 2000
"""Matches that are looked at; the most played of them are told."""
_SEPARATOR, _END = "\x1f", "\n"


class ItemSearch:
    """Searches the text of all items that the catalog names, or the generation in service knows.

    The text is one string, so that a search is a scan of memory: some milliseconds for a million items. It is
    rebuilt by the first search after a change.
    """

    def __init__(self, serving: Serving) -> None:
        """Order matches by popularity in the generation that `serving` has."""
        self._serving = serving
        self._items: dict[str, FoundItem] = {}
        self._text, self._text_version = _END, (-1, 0)
        self._version = self._n_swaps = 0
        self._lock = threading.Lock()

    def generation_swapped(self, generation: Generation) -> None:  # noqa: ARG002  the signature of observers
        """Add the items of another generation to the text at the next search."""
        self._n_swaps += 1

    def revision_swapped(self, generation: Generation) -> None:
        """Keep the text: a revision has the same items."""

    def take(self, records: Iterable[tuple[bytes | None, bytes | None]]) -> None:
        """Add or remove the items of catalog records; ignore a record that does not decode."""
        for key, value in records:
            self._version += 1
            if value is None:
                self._items.pop((key or b"").decode(errors="replace"), None)
                continue
            try:
                item = read_catalog_item(key, value)
            except UnreadableRecord:
                continue
            self._items[item.item_id] = FoundItem(
                item_id=item.item_id, title=item.title, artist=item.artist, kind=item.kind
            )

    def of(self, item_id: str) -> FoundItem:
        """Return an item by id, with its title and artist where the catalog names them."""
        return self._items.get(item_id) or FoundItem(item_id=item_id)

    def find(self, query: str, limit: int) -> list[FoundItem]:
        """Return the items that match, those that are played most first; may be called in a thread."""
        with self._lock:
            text = self._up_to_date()
        item_ids = list(_matches(text, _folded(query)))
        return [self.of(item_id) for item_id in self._most_played(item_ids)[:limit]]

    def _up_to_date(self) -> str:
        version = self._version, self._n_swaps  # before the generation: a swap in between is found at the next search
        generation = self._serving.current
        if version != self._text_version:
            items = dict(self._items)
            unnamed = (item_id for item_id in (generation.item_ids if generation else ()) if item_id not in items)
            lines = [*map(_line, items.values()), *(_line(FoundItem(item_id=str(item_id))) for item_id in unnamed)]
            self._text, self._text_version = _END + _END.join(lines) + _END, version
        return self._text

    def _most_played(self, item_ids: list[str]) -> list[str]:
        generation = self._serving.current
        if generation is None or not item_ids:
            return item_ids
        rows = generation.rows_of(np.array([item_key(item_id) for item_id in item_ids], np.uint64))
        plays = np.where(rows >= 0, generation.popularity[rows], -1)
        return [item_ids[at] for at in np.argsort(-plays, kind="stable")]


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _line(item: FoundItem) -> str:
    """Return the line of an item: its folded title, artist and id to search, and its id as written."""
    return _folded(f"{item.title or ''} {item.artist or ''} {item.item_id}") + _SEPARATOR + item.item_id


def _matches(text: str, query: str) -> Iterator[str]:
    """Yield the ids of the items of which the searched part has the query in it, some of them."""
    at = -1
    for _ in range(LOOKED_AT_MAX):
        at = text.find(query, at + 1)
        if at < 0:
            return
        end = text.find(_END, at)
        separator = text.rfind(_SEPARATOR, at, end)
        if separator >= 0:  # else it stands in an id behind it, which its line has in front, too
            yield text[separator + 1 : end]
        at = end
