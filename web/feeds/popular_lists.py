"""The popular lists that a gateway holds, one a kind of items."""

from streams.messages.records import PopularItems
from streams.readers.decode_record import UnreadableRecord
from streams.readers.latest_popular import read_popular


class PopularLists:
    """Holds the latest record of `popular-items` per kind; every partition's worker publishes one."""

    def __init__(self) -> None:
        self._lists: dict[str, PopularItems] = {}

    def on_record(self, key: bytes | None, value: bytes | None) -> None:
        """Store a popular list; ignore a record that does not decode."""
        kind = (key or b"").decode(errors="replace")
        if value is None:
            self._lists.pop(kind, None)
            return
        try:
            popular = read_popular(kind, value)
        except UnreadableRecord:
            return
        held = self._lists.get(kind)
        if popular.kind == kind and (held is None or popular.made_at_ms >= held.made_at_ms):
            self._lists[kind] = popular

    def clear(self) -> None:
        """Drop all lists: their topic was made again."""
        self._lists.clear()

    def of(self, kind: str) -> PopularItems | None:
        """Return the popular list of a kind, None if there is none."""
        return self._lists.get(kind)
