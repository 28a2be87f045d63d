"""The popular lists, written to their topic as they change."""

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType

import msgspec

from state.catalog.item_catalog import ItemCatalog
from state.generations.generation import Generation
from state.lists.popularity import Kinds, LivePopularity, PopularList
from state.users.store import UserStore
from streams.messages.records import PopularItems
from streams.outbox import Item, Outbox, OutboxError, UnacknowledgedError
from streams.settings import Settings
from streams.topics.topics import topic_names

PAUSE_S = 0.5
"""Seconds between two checks whether a publication is due."""


Written = tuple[str, int, bytes]
"""Generation, revision and items of a list that was written."""


class PopularPublisher:
    """Writes the popular lists of this worker to every partition that it owns.

    Only this object remembers the lists of a partition. So a worker that takes a partition over writes its own lists
    there, and a restart writes all of them again: the topic is compacted and the last record counts. So does a topic
    that was made again.
    """

    def __init__(
        self,
        store: UserStore,
        popular: LivePopularity,
        outbox: Outbox,
        thread: ThreadPoolExecutor,
        settings: Settings,
        catalog: ItemCatalog,
        present_ids: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Prepare a publisher.

        Args:
            store: The partitions to publish to.
            popular: Counts plays; only `thread` uses it.
            outbox: Sends the lists.
            thread: The thread of commit groups.
            settings: The length of the lists, and the interval of publications.
            catalog: Says which items are available, and of which kind.
            present_ids: The present id of every topic.
        """
        self._store, self._popular, self._outbox = store, popular, outbox
        self._thread, self._settings, self._catalog = thread, settings, catalog
        self._generation: Generation | None = None
        self._swapped = False
        self._topic = topic_names(settings).popular_items
        self._written: dict[int, dict[str, Written]] = {}
        """Per partition and kind, the list that was written last."""
        self._present_ids, self._topic_id = present_ids, ""

    def generation_swapped(self, generation: Generation) -> None:
        """Publish the lists of another generation at the next look."""
        self._generation, self._swapped = generation, True

    def revision_swapped(self, generation: Generation) -> None:
        """Publish the lists of another revision at the next look."""
        self.generation_swapped(generation)

    async def run(self) -> None:
        """Publish forever.

        Raises:
            OutboxError: Kafka did not acknowledge.
        """
        published_at = float("-inf")
        while True:
            now = asyncio.get_running_loop().time()
            due = now - published_at >= self._settings.popularity.publish_s or self._is_outdated()
            if due and self._store.settled:
                await self.publish(time.time_ns() // 1_000_000)
                published_at = now
            await asyncio.sleep(min(PAUSE_S, self._settings.popularity.publish_s))

    async def publish(self, now_ms: int) -> int:
        """Write every changed list to every partition that this worker owns; return the number of records.

        Step 1: make the lists, in the thread that counts plays. Step 2: produce, and await every acknowledgement.
        Step 3: remember the written lists.

        Raises:
            OutboxError: Kafka did not acknowledge.
        """
        # Step 1
        self._swapped, topic_id = False, self._present_id()
        if topic_id != self._topic_id:
            self._written = {}
        lists = await asyncio.get_running_loop().run_in_executor(self._thread, self._lists, now_ms)
        # Step 2
        owned = self._owned()
        changed = {partition: self._changed(partition, lists) for partition in owned}
        await self._produce({partition: items for partition, items in changed.items() if items})
        # Step 3
        marks = {kind: mark for kind, (mark, _) in lists.items()}
        self._written, self._topic_id = dict.fromkeys(owned, marks), topic_id
        return sum(map(len, changed.values()))

    def _owned(self) -> list[int]:
        """Return the partitions to publish to, none while a rebalance is under way."""
        return list(self._store.partitions) if self._store.settled else []

    def _is_outdated(self) -> bool:
        """Tell whether another generation, revision, partition or topic is there than at the last publication."""
        is_other = self._present_id() != self._topic_id
        return is_other or self._swapped or self._written.keys() != self._store.partitions.keys()

    def _present_id(self) -> str:
        return self._present_ids.get(self._topic, "")

    def _lists(self, now_ms: int) -> dict[str, tuple[Written, bytes]]:
        """Return the list of every kind, and its message; none before the first generation."""
        generation = self._generation
        if generation is None:
            return {}
        unlisted, kinds = self._catalog.unlisted(generation, now_ms), Kinds(*self._catalog.kinds_of(generation))
        lists = self._popular.lists(self._settings.lists.n, unlisted, kinds)
        as_of_ms = 1000 * self._popular.as_of_s
        return {
            kind: (
                (generation.id, generation.revision.number, popular.rows.tobytes()),
                _message(kind, popular, generation, as_of_ms, now_ms),
            )
            for kind, popular in lists.items()
        }

    def _changed(self, partition: int, lists: Mapping[str, tuple[Written, bytes]]) -> list[Item]:
        """Return the records that a partition lacks, and a tombstone for every kind that no item has any more."""
        before = self._written.get(partition, {})
        gone: list[Item] = [(kind.encode(), None) for kind in before if kind not in lists]
        return gone + [(kind.encode(), message) for kind, (mark, message) in lists.items() if before.get(kind) != mark]

    async def _produce(self, items: Mapping[int, list[Item]]) -> None:
        try:
            sent = [await self._outbox.send(self._topic, partition, records) for partition, records in items.items()]
            for pending in sent:
                await pending.written()
        except UnacknowledgedError as error:
            message = f"{error} Nothing is lost: the next start writes the popular lists again."
            raise OutboxError(message) from error


def _message(kind: str, popular: PopularList, generation: Generation, as_of_ms: int, now_ms: int) -> bytes:
    """Return the message of a popular list."""
    return msgspec.json.encode(
        PopularItems(
            kind=kind,
            generation=generation.id,
            revision=generation.revision.number,
            as_of_ms=as_of_ms,
            made_at_ms=now_ms,
            items=generation.item_ids[popular.rows].tolist(),
            plays=popular.plays.tolist(),
        )
    )
