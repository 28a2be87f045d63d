"""The popular lists go to every partition that a worker owns, when they changed."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import numpy as np
import pytest
from aiokafka.errors import KafkaError

from agents.background.publish_popular import PopularPublisher
from state.catalog.item_catalog import ItemCatalog
from state.generations.folder_store import FolderStore
from state.generations.generation import Generation
from state.generations.serving import Serving
from state.keys import item_key
from state.lists.popularity import LivePopularity
from state.users.store import UserStore
from streams.messages.records import CatalogItem, PopularItems
from streams.outbox import OutboxError
from streams.settings import Settings
from streams.topics.topics import topic_names
from tests.support.generations import FIRST_ID, SECOND_ID, make_generation
from tests.support.memory_outbox import MemoryOutbox
from tests.support.settings import settings_with

PUBLISH_S = 60.0
SETTINGS = settings_with(factors=8, list_n=2, kafka_timeout_s=1, popular_publish_s=PUBLISH_S)
TOPIC = topic_names(SETTINGS).popular_items
AT_S = 1_700_000_000


class Scene:
    """A publisher with two partitions, and a generation in which `i7` is popular, then `i21`."""

    def __init__(self, folder: Path, settings: Settings = SETTINGS) -> None:
        """Prepare."""
        self.folder, self.outbox, self.popular = (
            folder,
            MemoryOutbox(settings.kafka),
            LivePopularity(settings.popularity),
        )
        self.store = SimpleNamespace(partitions={0: None, 3: None}, settled=True)
        self.serving, self.thread = Serving(FolderStore(folder)), ThreadPoolExecutor(1)
        store = cast(UserStore, self.store)
        self.catalog = ItemCatalog()
        self.publisher = PopularPublisher(store, self.popular, self.outbox, self.thread, settings, self.catalog)

        self.serving.observers = [self.catalog, self.popular, self.publisher]

    def serve(self, generation_id: str = FIRST_ID) -> Generation:
        """Take a generation into service."""
        worth = {"i7": 9.0, "i21": 5.0, "i3": 4.0}
        generation = make_generation(self.folder, generation_id, popularity=worth)
        self.serving.take(generation)
        return generation

    def name_kinds(self, kind: str) -> None:
        """Put `i7` and `i21` into the catalog."""
        for item_id in ("i7", "i21"):
            self.catalog.on_record(item_id.encode(), msgspec.json.encode(CatalogItem(item_id=item_id, kind=kind)))

    def play(self, item: str, n: int) -> None:
        """Have plays of an item learnt."""
        keys, times = np.full(n, item_key(item), np.uint64), np.full(n, AT_S, np.uint32)
        assert self.serving.current is not None
        self.popular.learn(self.serving.current, keys, np.ones(n, np.float32), times, AT_S)

    async def publish(self) -> int:
        """Publish once."""
        await self.outbox.start()
        return await self.publisher.publish(1_000_000)

    def written(self, partition: int) -> list[tuple[str, list[str] | None]]:
        """Return keys and items of the records written to a partition, None for a tombstone."""
        log = self.outbox.logs.get((TOPIC, partition), [])
        return [(key.decode(), decoded(value).items if value else None) for key, value in log]


def decoded(value: bytes | None) -> PopularItems:
    """Return a record."""
    return msgspec.json.decode(value or b"", type=PopularItems)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Give a scene."""
    made = Scene(tmp_path)
    yield made
    made.thread.shutdown()


async def test_every_partition_gets_the_list_when_it_changed(scene: Scene) -> None:
    """Before a generation nothing; then once, and again when another order comes of plays, not when counts alone do."""
    assert 0 == await scene.publish()
    scene.serve()

    assert 2 == await scene.publish()
    scene.play("i7", 1)
    assert 0 == await scene.publish()
    scene.play("i3", 3)
    assert 2 == await scene.publish()

    assert [("all", ["i7", "i21"]), ("all", ["i7", "i3"])] == scene.written(0) == scene.written(3)


async def test_a_list_travels_as_its_record(scene: Scene) -> None:
    """Generation, revision, times, and the decayed plays of each item."""
    scene.serve()
    scene.play("i7", 1)
    await scene.publish()

    (record,) = scene.outbox.logs[TOPIC, 0]
    assert b"all" == record[0]
    assert PopularItems(
        kind="all",
        generation=FIRST_ID,
        revision=0,
        as_of_ms=1000 * AT_S,
        made_at_ms=1_000_000,
        items=["i7", "i21"],
        plays=[10.0, 5.0],
    ) == decoded(record[1])


async def test_a_partition_that_comes_gets_the_list(scene: Scene) -> None:
    """Those that stay do not get it again; one that went and came back does: another worker may have written there."""
    scene.serve()
    await scene.publish()
    scene.store.partitions = {3: None, 5: None}
    assert 1 == await scene.publish()
    scene.store.partitions = {0: None, 3: None, 5: None}
    assert 1 == await scene.publish()

    assert [2, 1, 1] == [len(scene.written(partition)) for partition in (0, 3, 5)]


async def test_another_generation_is_another_list(scene: Scene) -> None:
    """Though its items are the same: the record names the generation."""
    scene.serve()
    await scene.publish()
    scene.serve(SECOND_ID)
    await scene.publish()

    assert [FIRST_ID, SECOND_ID] == [decoded(value).generation for _, value in scene.outbox.logs[TOPIC, 0]]


async def test_a_kind_that_is_no_more_gets_a_tombstone(scene: Scene) -> None:
    """A list that nobody updates should not be shown."""
    scene.serve()
    scene.name_kinds("song")
    await scene.publish()
    scene.name_kinds("track")
    await scene.publish()

    songs = ["i7", "i21"]
    assert [("all", songs), ("song", songs), ("song", None), ("track", songs)] == scene.written(0)


async def test_kafka_that_does_not_acknowledge_is_a_sentence(scene: Scene) -> None:
    """And the list is written again the next time."""
    scene.serve()
    scene.outbox.refused[TOPIC] = KafkaError("no")

    with pytest.raises(OutboxError) as caught:
        await scene.publish()
    scene.outbox.refused.clear()

    assert (
        f"Kafka at 127.0.0.1:19092 did not take records of {TOPIC} (KafkaError('no')); "
        "it may have some of them all the same. Nothing is lost: the next start writes the popular lists again."
        == str(caught.value)
    )
    assert 2 == await scene.publish()


async def running(scene: Scene, seconds: float, then: Any = None) -> None:
    """Run the publisher for a while; do something in the middle."""
    await scene.outbox.start()
    task = asyncio.create_task(scene.publisher.run())
    await asyncio.sleep(seconds)
    if then is not None:
        then()
        await asyncio.sleep(seconds)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@pytest.mark.virtual_time
async def test_it_looks_at_once_and_then_seldom(scene: Scene) -> None:
    """A generation or a partition that is new is published without waiting; plays wait for `popular_publish_s`."""
    scene.serve()

    await running(scene, PUBLISH_S / 3, lambda: scene.play("i3", 30))
    await running(scene, PUBLISH_S / 3, lambda: scene.store.partitions.update({5: None}))

    assert [["i7", "i21"], ["i3", "i7"]] == [items for _, items in scene.written(0)]
    assert [["i3", "i7"]] == [items for _, items in scene.written(5)]


@pytest.mark.virtual_time
async def test_plays_are_published_in_time(scene: Scene) -> None:
    """After as long as the setting says."""
    scene.serve()

    await running(scene, PUBLISH_S + 1, lambda: scene.play("i3", 30))

    assert [["i7", "i21"], ["i3", "i7"]] == [items for _, items in scene.written(0)]


async def test_a_topic_that_was_made_again_gets_all_lists(scene: Scene) -> None:
    """At once, though no list has changed; and once."""
    ids = {TOPIC: "old"}
    scene.publisher._present_ids = ids  # noqa: SLF001  as the guard of the topics knows them
    scene.serve()
    await scene.publish()
    ids[TOPIC] = "new"
    assert scene.publisher._is_outdated()  # noqa: SLF001  so the publisher does not wait for its interval

    assert 2 == await scene.publish()
    assert 0 == await scene.publish()
    assert not scene.publisher._is_outdated()  # noqa: SLF001
