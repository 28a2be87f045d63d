"""The popular lists, written to their topic as they change."""

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import msgspec
from aiokafka.errors import KafkaError

from state.catalog.item_catalog import ItemCatalog
from state.generations.generation import Generation
from state.generations.serving import Serving
from state.lists.popularity import Kinds, LivePopularity, PopularList
from state.users.store import UserStore
from streams.messages.records import PopularItems
from streams.outbox import Item, Outbox, OutboxError
from streams.settings import Settings
from streams.topics.topics import topic_names

PAUSE_S = 0.5
"""Between two looks whether it is time, or another generation or partition is there."""


class PopularPublisher:
    """Writes the popular lists of this worker to every partition that it owns.

    What a partition has is only remembered here. So a worker that takes a partition over writes its own lists there,
    and a restart writes all of them again: the topic is compacted and the last record counts.
    """

    def __init__(
        self,
        store: UserStore,
        serving: Serving,
        popular: LivePopularity,
        outbox: Outbox,
        thread: ThreadPoolExecutor,
        settings: Settings,
        catalog: ItemCatalog,
    ) -> None:
        """Publish what `popular` counts, which only `thread` touches, of what `catalog` says is available."""
        self._store, self._serving, self._popular = store, serving, popular
        self._outbox, self._thread, self._settings, self._catalog = outbox, thread, settings, catalog
        self._topic = topic_names(settings).popular_items
        self._written: dict[int, dict[str, tuple[str, int, bytes]]] = {}
        """Per partition and kind, generation, revision and items of what was written last."""

    async def run(self) -> None:
        """Publish for ever.

        Raises:
            OutboxError: Kafka did not acknowledge.
        """
        looked, seen = float("-inf"), None
        while True:
            now, present = asyncio.get_running_loop().time(), self._present()
            if present is not None and (present != seen or now - looked >= self._settings.popularity.publish_s):
                await self.publish(time.time_ns() // 1_000_000)
                looked, seen = now, present
            await asyncio.sleep(min(PAUSE_S, self._settings.popularity.publish_s))

    async def publish(self, now_ms: int) -> int:
        """Write every list that changed to every partition that this worker owns; return how many records that were.

        Step 1: make the lists, in the thread that counts plays. Step 2: produce, and await every acknowledgement.
        Step 3: remember what was written.

        Raises:
            OutboxError: Kafka did not acknowledge.
        """
        generation = self._serving.current
        if generation is None:
            return 0
        # Step 1
        told = await asyncio.get_running_loop().run_in_executor(self._thread, self._made, generation, now_ms)
        # Step 2
        owned = list(self._store.partitions) if self._store.settled else []
        changed = {partition: self._changed(partition, told) for partition in owned}
        await self._produce({partition: items for partition, items in changed.items() if items})
        # Step 3
        marks = {kind: mark for kind, (mark, _) in told.items()}
        self._written = dict.fromkeys(owned, marks)
        return sum(map(len, changed.values()))

    def _present(self) -> tuple[str, int, frozenset[int]] | None:
        """Return what lists depend on beside plays, None while there is nothing to publish."""
        generation = self._serving.current
        if generation is None or not self._store.settled:
            return None
        return generation.id, generation.revision.number, frozenset(self._store.partitions)

    def _made(self, generation: Generation, now_ms: int) -> dict[str, tuple[tuple[str, int, bytes], bytes]]:
        """Return every kind's list: what tells it from another, and its message."""
        unlisted, kinds = self._catalog.unlisted(generation, now_ms), Kinds(*self._catalog.kinds_of(generation))
        lists = self._popular.lists(generation, self._settings.lists.n, unlisted, kinds)
        as_of_ms = 1000 * self._popular.as_of_s
        return {
            kind: (
                (generation.id, generation.revision.number, found.rows.tobytes()),
                _message(kind, found, generation, as_of_ms, now_ms),
            )
            for kind, found in lists.items()
        }

    def _changed(self, partition: int, told: Mapping[str, tuple[tuple[str, int, bytes], bytes]]) -> list[Item]:
        """Return the records that a partition lacks, and a tombstone for every kind that is no more."""
        before = self._written.get(partition, {})
        gone: list[Item] = [(kind.encode(), None) for kind in before if kind not in told]
        return gone + [(kind.encode(), message) for kind, (mark, message) in told.items() if before.get(kind) != mark]

    async def _produce(self, items: Mapping[int, list[Item]]) -> None:
        try:
            async with asyncio.timeout(self._settings.kafka.timeout_s):
                sent = [await self._outbox.send(self._topic, partition, found) for partition, found in items.items()]
                for pending in sent:
                    await pending.written()
        except (KafkaError, TimeoutError) as error:
            message = (
                f"Kafka at {self._settings.kafka.brokers} did not acknowledge the popular lists within "
                f"{self._settings.kafka.timeout_s:g} s ({error!r}). Nothing is lost: the next start writes them again."
            )
            raise OutboxError(message) from error


def _message(kind: str, found: PopularList, generation: Generation, as_of_ms: int, now_ms: int) -> bytes:
    """Return a popular list as it travels."""
    return msgspec.json.encode(
        PopularItems(
            kind=kind,
            generation=generation.id,
            revision=generation.revision.number,
            as_of_ms=as_of_ms,
            made_at_ms=now_ms,
            items=generation.item_ids[found.rows].tolist(),
            plays=found.plays.tolist(),
        )
    )
