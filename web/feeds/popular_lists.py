"""The popular lists that a gateway holds, one a kind of items."""

from streams.messages.records import PopularItems
from streams.readers.latest_popular import PopularUnreadable, read_popular


class PopularLists:
    """Takes in records of `popular-items`: every partition has one, of the worker that owns it; the latest counts."""

    def __init__(self) -> None:
        """Begin with none."""
        self._lists: dict[str, PopularItems] = {}

    def on_record(self, key: bytes | None, value: bytes | None) -> None:
        """Take in a record; what is no list is nobody's."""
        kind = (key or b"").decode(errors="replace")
        if value is None:
            self._lists.pop(kind, None)
            return
        try:
            found = read_popular(kind, value)
        except PopularUnreadable:
            return
        held = self._lists.get(kind)
        if found.kind == kind and (held is None or found.made_at_ms >= held.made_at_ms):
            self._lists[kind] = found

    def of(self, kind: str) -> PopularItems | None:
        """Return the popular list of a kind, None if there is none."""
        return self._lists.get(kind)
