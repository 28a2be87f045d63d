"""A listener's list as the gateway answers it: their own or the popular list, cut to the request."""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from state.catalog.item_catalog import ItemCatalog
from state.gateway_view.view import View
from streams.fetch.unreadable_places import UnreadablePlaces
from streams.messages.records import ALL_KINDS, PopularItems, Recommendations
from streams.partitioning import partition_of
from streams.readers.latest_list import read_list
from streams.readers.latest_popular import as_list_of
from streams.settings import Settings
from streams.topics.topics import topic_names
from web.feeds.commit_progress import CommitProgress
from web.feeds.list_waiters import ListWaiters
from web.feeds.popular_lists import PopularLists
from web.feeds.present_epoch import PresentEpoch

_PARALLEL = ("items", "scores", "because", "because_scores", "because_rest")


class Wanted(NamedTuple):
    """The part of a list that a request selects."""

    n: int | None = None
    """Items; all that there are if left out."""
    kind: str | None = None
    """Of items; of all kinds if left out."""
    exclude: Collection[str] = frozenset()
    """Items to leave out."""


WHOLE = Wanted()


class NoListError(LookupError):
    """There is no list for a listener, nor a popular one: no worker has served a generation yet."""


class ListUnknownError(ConnectionError):
    """A part of a listener's partition cannot be read, so it is not known which list is theirs. See `/readyz`."""


class ListReader:
    """Reads lists from the gateway's view of the topics."""

    def __init__(
        self,
        settings: Settings,
        view: View,
        catalog: ItemCatalog,
        popular: PopularLists,
        waiters: ListWaiters,
        progress: CommitProgress,
        epoch: PresentEpoch,
        unreadable: UnreadablePlaces | None = None,
    ) -> None:
        """Read from these parts; `unreadable` has the places that the view lacks."""
        self._unreadable = UnreadablePlaces() if unreadable is None else unreadable
        self._lists_topic = topic_names(settings).recommendations
        self._settings, self._view, self._catalog, self._popular = settings, view, catalog, popular
        self._waiters, self._progress, self._epoch = waiters, progress, epoch

    def read(self, user_id: str, wanted: Wanted, now_ms: int, *, reflected: bool | None = None) -> bytes:
        """Return a listener's list as JSON, or the popular list if there is none or it has expired.

        Args:
            user_id: The listener.
            wanted: The part of the list to return.
            now_ms: The time, in milliseconds since 1970. Items that are unavailable then are left out.
            reflected: Whether the list reflects the play that the request waited for; None if it waited for none.

        Raises:
            NoListError: There is neither an own nor a popular list.
            ListUnknownError: The listener's list may be in a part of the topic that cannot be read.
            UnreadableRecord: The record under the listener's id is not a valid list.
        """
        held = self._view.list_of(user_id)
        as_it_stands = wanted == WHOLE and reflected is None and not self._catalog.limits_any
        if held is not None and as_it_stands and held.expires_at_ms > now_ms:
            return held.value  # nearly every read
        recommendations = None if held is None else read_list(held.value)
        answered = self._cut(user_id, recommendations, wanted, now_ms)
        why = _why_empty(answered, wanted) if not answered.items and wanted.kind is not None else None
        return encode(answered, reflected=reflected, why=why)

    def _cut(
        self, user_id: str, recommendations: Recommendations | None, wanted: Wanted, now_ms: int
    ) -> Recommendations:
        """Return the requested part of the listener's own list, or of the popular one if it is missing or expired."""
        if recommendations is None or recommendations.expires_at_ms <= now_ms:
            self._check_whole(user_id)
            popular = self._popular_of(wanted.kind)
            if popular is not None:
                recommendations, wanted = as_list_of(user_id, popular, self._settings), wanted._replace(kind=None)
        if recommendations is None:
            message = "There is no list for this listener, nor a popular one: no worker has served a generation yet."
            raise NoListError(message)
        if wanted.kind is None and not wanted.exclude and not self._catalog.limits_any:
            return _first(recommendations, wanted.n)
        return cut(
            recommendations, wanted, lambda item_id: self._catalog.is_available(item_id, now_ms), self._catalog.kind_of
        )

    def _check_whole(self, user_id: str) -> None:
        """Check that the whole partition of a listener's list was read: no popular list hides one of their own.

        Raises:
            ListUnknownError: It was not.
        """
        partition = partition_of(user_id, self._settings.topics.partitions)
        if not self._unreadable.is_whole(self._lists_topic, partition):
            (place, *_) = self._unreadable.describe(self._lists_topic, partition)
            message = f"The list of this listener is not known, because a part of its topic cannot be read: {place}."
            raise ListUnknownError(message)

    def _popular_of(self, kind: str | None) -> PopularItems | None:
        """Return the popular list of a kind: an empty one if no popular item has the kind, None if there is no list."""
        popular = self._popular.of(kind or ALL_KINDS)
        if popular is None and kind is not None and (every := self._popular.of(ALL_KINDS)) is not None:
            return msgspec.structs.replace(every, kind=kind, items=[], plays=[])
        return popular

    def held(self, user_id: str) -> Recommendations | None:
        """Return a listener's own list, whole, as it stands on the topic."""
        recommendations = self._view.list_of(user_id)
        return None if recommendations is None else read_list(recommendations.value)

    async def reflects(self, user_id: str, partition: int, offset: int, wait_s: float) -> bool:
        """Wait until a listener's list reflects the play at an offset of a partition, or the time is up.

        A play that changes nothing leaves no list: then it is enough that workers have committed it.
        """
        return await self._until(user_id, lambda: self.is_reflected(user_id, partition, offset), wait_s)

    async def gone(self, user_id: str, wait_s: float) -> bool:
        """Wait until no list of a listener is held, or the time is up."""
        return await self._until(user_id, lambda: self._view.list_of(user_id) is None, wait_s)

    async def _until(self, user_id: str, is_so: Callable[[], bool], wait_s: float) -> bool:
        """Look again whenever a list of a listener comes, until something is so, the time is up or the gateway ends."""
        with self._waiters.wait_for(user_id) as came:
            return await self._waiters.until(came, is_so, wait_s)

    def is_reflected(self, user_id: str, partition: int, offset: int) -> bool:
        """Return whether a listener's list reflects the play at an offset of a partition, or needs no change."""
        reflected = self._view.reflected_position(user_id, partition)
        position = self._epoch.position(offset)
        return (reflected is not None and reflected >= position) or self._progress.is_settled(partition, offset)


def cut(
    recommendations: Recommendations,
    wanted: Wanted,
    is_available: Callable[[str], bool],
    kind_of: Callable[[str], str | None],
) -> Recommendations:
    """Return a list without items that the request excludes or that are unavailable now, in the same order."""
    excluded = _excluded(recommendations.items, wanted.exclude)
    positions = [
        at
        for at, item_id in enumerate(recommendations.items)
        if is_available(item_id)
        and item_id not in excluded
        and (wanted.kind is None or kind_of(item_id) == wanted.kind)
    ][: wanted.n]
    if len(positions) == len(recommendations.items):
        return recommendations
    return msgspec.structs.replace(recommendations, **dict(_picked(recommendations, positions)))


def _first(recommendations: Recommendations, n: int | None) -> Recommendations:
    """Return the first n items of a list, all of them if n is None."""
    if n is None or n >= len(recommendations.items):
        return recommendations
    columns = {name: getattr(recommendations, name)[:n] for name in _PARALLEL}
    return msgspec.structs.replace(recommendations, **columns)


def _excluded(items: Sequence[str], given: Collection[str]) -> set[str]:
    """Return the ids that a request excludes: each value is the id of an item in the list, or ids between commas.

    >>> sorted(_excluded(["a", "b", "c,d"], ["a,b", "c,d"]))
    ['a', 'b', 'c,d']
    """
    if not given:
        return set()
    listed = set(items)
    return {part for value in given for part in ((value,) if value in listed else value.split(","))}


def _why_empty(recommendations: Recommendations, wanted: Wanted) -> str:
    """Return why a list of a kind has no item."""
    whose = "the popular list" if recommendations.kind == "popular" else "this listener's list"
    item = f"available item of {whose}" + (" that the request does not exclude" if wanted.exclude else "")
    return f"No {item} is of the kind {wanted.kind!r}: the kind of an item is the one in the catalog."


def _picked(recommendations: Recommendations, positions: Sequence[int]) -> Iterator[tuple[str, list[Any]]]:
    for name in _PARALLEL:
        column = getattr(recommendations, name)
        yield name, [column[at] for at in positions if at < len(column)]  # reasons are those of the first items


def encode(recommendations: Recommendations, *, reflected: bool | None, why: str | None = None) -> bytes:
    """Return a list as it is given out, as `ListAnswer` describes it."""
    content = msgspec.json.encode(recommendations)
    fields: dict[str, bool | str] = {} if reflected is None else {"reflected": reflected}
    fields |= {} if why is None else {"why": why}
    return content[:-1] + b"," + msgspec.json.encode(fields)[1:] if fields else content
