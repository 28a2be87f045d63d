"""The names of items that a partition's database contains."""

from collections.abc import Iterable, Iterator

import rocksdict

from state.keys import ITEM_NAME_PREFIX, is_item_name, is_user, item_name_key


class ItemNames:
    """The names in one database; the keys of those that are known to be there are cached."""

    def __init__(self, db: rocksdict.Rdict, cached_max: int) -> None:
        """Cache the keys of at most so many names; above it the cache is cleared."""
        self._db, self._cached_max = db, cached_max
        self._cached = set[int]()

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield every name with its changelog key."""
        for key, value in self._db.items(from_key=ITEM_NAME_PREFIX):
            if is_user(key):
                return
            if is_item_name(key):
                yield key, value

    def lacking(self, item_keys: Iterable[int]) -> list[int]:
        """Return the items whose name is not in the database yet."""
        doubtful = [key for key in item_keys if key not in self._cached]
        if not doubtful:
            return []
        lacking = []
        for key, stored in zip(doubtful, self._db.get([*map(item_name_key, doubtful)]), strict=True):
            if stored is None:
                lacking.append(key)
            else:
                self.remember(key)
        return lacking

    def remember(self, item_key: int) -> None:
        """Cache that the name of an item is in the database."""
        if len(self._cached) >= self._cached_max:
            self._cached.clear()
        self._cached.add(item_key)
