"""A playfold with lists of songs, for the programs of `examples/`."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from kafka import KafkaProducer

from cli.processes import WorkerProcess
from jobs.progress import no_progress
from jobs.retraining.retrain import retrain
from streams.messages.records import CatalogItem, Recommendations
from streams.outbox import Item
from streams.readers.latest_list import latest_list
from streams.settings import Settings, override
from streams.topics.admin import create_topics, delete_topics
from tests.acceptance.started import started_gateway, started_worker
from tests.support.plays import play_record
from tests.support.settings import settings_with
from tests.support.topics import await_folded, send, values
from tests.support.wait import block_until

N_SONGS, N_LISTENERS = 16, 12


class Scene(msgspec.Struct):
    """A playfold whose topics have their plain names, as a reader's have, with lists of songs."""

    settings: Settings
    process: WorkerProcess
    generation: str
    producer: Any

    def tell(self, topic: str, key: str, value: Any, partition: int | None = None) -> None:
        """Write a record, and wait until Kafka has it; None is a tombstone."""
        encoded = None if value is None else msgspec.json.encode(value)
        self.producer.send(topic, key=key.encode(), value=encoded, partition=partition).get(timeout=10)

    def list_of(self, user: str) -> Recommendations:
        """Return the list of a listener that counts, once they have one."""
        block_until(lambda: asyncio.run(latest_list(user, self.settings)) is not None, 10)
        latest = asyncio.run(latest_list(user, self.settings))
        assert latest is not None
        return latest

    def lists(self) -> dict[str, Recommendations]:
        """Return the last list of every listener, on any partition."""
        records = values(self.settings, "recommendations")
        return {key.decode(): msgspec.json.decode(value, type=Recommendations) for key, value in records if value}

    def plays(self) -> list[dict[str, Any]]:
        """Return the records on `plays` that are JSON objects with a listener."""
        return [json.loads(value) for _, value in values(self.settings, "plays") if b"user_id" in value]


@contextmanager
def playfold_with_songs(brokers: str, folder: Path) -> Iterator[Scene]:
    """Run one worker with one generation, trained on songs, for all programs."""
    settings = settings_with(
        brokers=brokers,
        data_dir=str(folder),
        group="test-examples",
        factors=8,
        iterations=2,
        index_trees=2,
        related_n=5,
        list_n=5,
        popular_publish_s=0.2,
    )
    create_topics(settings)
    producer = KafkaProducer(bootstrap_servers=settings.kafka.brokers)
    send(settings, [song(f"u{user}", number) for user in range(N_LISTENERS) for number in songs_of(user)])
    with started_worker(settings) as process:
        await_folded(settings)
        made = Scene(settings, process, retrain(settings, no_progress).generation, producer)
        for number in range(N_SONGS):
            item = CatalogItem(item_id=f"song-{number}", title=f"Title {number}", kind="song")
            made.tell("catalog", item.item_id, item)
        block_until(lambda: {one.generation for one in made.lists().values()} == {made.generation}, 20)
        yield made
    producer.close()
    delete_topics(settings)


@contextmanager
def gateway_of(scene: Scene) -> Iterator[str]:
    """Run one gateway for all programs, and give its URL."""
    with started_gateway(override(scene.settings, instance="window")) as process:
        yield process.url


def songs_of(user: int) -> list[int]:
    """Return the songs that a listener plays: neighbours of each other."""
    return [(user + step) % N_SONGS for step in range(5)]


def song(user: str, number: int) -> Item:
    """Return a play of a song as it travels."""
    return play_record(user, f"song-{number}")


def title(item: str) -> str:
    """Return the title of a song in the catalog."""
    return item.replace("song-", "Title ")
