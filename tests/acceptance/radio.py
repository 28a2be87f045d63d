"""A made-up radio for the live page: songs with titles, listeners with tastes, plays that go on."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from kafka import KafkaProducer

from cli.processes import GatewayProcess
from jobs.progress import no_progress
from jobs.retraining.retrain import retrain
from streams.files.catalog_file import send_items
from streams.kafka.broker import Broker
from streams.messages.records import CatalogItem
from streams.outbox import Item, Outbox
from streams.settings import Settings
from streams.topics.admin import create_topics, delete_topics
from streams.topics.topics import topic_names
from tests.acceptance.started import started_worker
from tests.support.plays import FIRST_PLAY_MS, play_record
from tests.support.settings import settings_with
from tests.support.topics import await_folded, lists, send
from tests.support.wait import block_until

TASTES = {
    "Harbour": ("Lanterns", "Tidewater", "The Long Pier", "Salt and Rope", "Gull Weather", "Low Bridge", "Ferry Song"),
    "Orchard": ("Windfall", "Bees", "The Ladder", "Late Apples", "Rain on Leaves", "Cider Press", "Old Roots"),
    "Night Train": ("Sleeper", "Signal Red", "Platform Nine", "Blue Windows", "Dining Car", "Milepost", "Border"),
    "Observatory": ("Perihelion", "Dust", "Slow Comet", "The Dome", "Parallax", "Winter Sky", "Occultation"),
    "Kitchen": ("Copper Pans", "Thyme", "Steam", "Sunday Bread", "Cold Plums", "The Table", "Peppercorn"),
}
"""Whose songs are played together: the artist's, and the next one's."""
LISTENERS = 60
PLAYS = 1500


def songs() -> list[CatalogItem]:
    """Return the catalog."""
    return [
        CatalogItem(item_id=f"{artist}/{title}".replace(" ", "-").lower(), title=title, artist=artist, kind="song")
        for artist, titles in TASTES.items()
        for title in titles
    ]


def past_plays(n: int = PLAYS) -> list[Item]:
    """Return plays of listeners `1`, `2`, ... that mostly keep to the taste of each."""
    rng, catalog = np.random.default_rng(5), songs()
    n_of_artist = len(catalog) // len(TASTES)
    users = rng.integers(1, LISTENERS + 1, n)
    songs_of = (users % len(TASTES)) * n_of_artist + np.minimum(rng.geometric(0.3, n) - 1, 2 * n_of_artist)
    strays = np.where(rng.random(n) < 0.1, rng.integers(0, len(catalog), n), songs_of % len(catalog))
    return [
        play_record(str(user), catalog[song].item_id, FIRST_PLAY_MS + 60_000 * number)
        for number, (user, song) in enumerate(zip(users.tolist(), strays.tolist(), strict=True))
    ]


@contextmanager
def playing(settings: Settings, plays_per_s: float) -> Iterator[None]:
    """Have listeners play on while the block lasts."""
    stop = threading.Event()

    def play() -> None:
        producer = KafkaProducer(bootstrap_servers=settings.kafka.brokers)
        for number, (key, value) in enumerate(past_plays(100_000)):
            if stop.wait(1 / plays_per_s):
                break
            event = msgspec.json.decode(value or b"") | {"played_at_ms": time.time_ns() // 1_000_000}
            if number % 50 == 0:
                event = {"user_id": event["user_id"]}  # somebody always forgets something
            producer.send(topic_names(settings).plays, key=key, value=msgspec.json.encode(event))
        producer.close()

    thread = threading.Thread(target=play)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


class Radio(NamedTuple):
    """A playfold that runs, with lists for everybody."""

    settings: Settings
    gateway: GatewayProcess


@contextmanager
def on_air(broker: Broker, folder: Path, name: str) -> Iterator[Radio]:
    """Run a worker and a gateway on the songs, with one generation; `name` is the group and the topics' prefix."""
    settings = settings_with(
        brokers=broker.bootstrap,
        data_dir=str(folder),
        group=name,
        topic_prefix=f"{name}.",
        factors=8,
        list_n=12,
        gateway_port=0,
        popular_publish_s=0.5,
    )
    create_topics(settings)
    send(settings, past_plays())
    gateway = GatewayProcess(settings)
    with started_worker(settings):
        gateway.start()
        try:
            asyncio.run(describe_songs(settings))
            await_folded(settings)
            retrain(settings, no_progress)
            block_until(lambda: len(lists(settings)) == LISTENERS, 30)
            gateway.await_ready(30)
            yield Radio(settings, gateway)
        finally:
            gateway.stop()
    delete_topics(settings)


async def describe_songs(settings: Settings) -> None:
    """Write the songs to the catalog."""
    async with Outbox(settings.kafka) as outbox:
        async for _ in send_items(iter([songs()]), outbox, settings):
            pass
