"""Made-up listeners, plays and item factors for tests and benchmarks."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jobs.announcement import announce
from model.arrays import Floats
from model.objective import Objective
from state.generations.generation import Generation, open_generation, write_generation
from state.generations.naming import new_generation_id
from state.generations.open_store import generation_store
from streams.outbox import Item, Outbox
from streams.partitioning import partition_of
from streams.settings import Settings
from streams.topics.topics import topic_names
from tests.support.generations import FIRST_ID, manifest_of, numbered
from tests.support.plays import FIRST_PLAY_MS, play_record


def made_up_plays(n: int, n_users: int, n_items: int, rng: np.random.Generator, first: int = 0) -> list[Item]:
    """Return plays of users taken evenly and items by a power law, as they travel."""
    users = rng.integers(0, n_users, n).tolist()
    items = (rng.pareto(0.6, n).astype(np.int64) % n_items).tolist()
    return [
        play_record(f"u{user}", f"i{item}", FIRST_PLAY_MS + number)
        for number, (user, item) in enumerate(zip(users, items, strict=True), first)
    ]


async def produce_plays(outbox: Outbox, settings: Settings, plays: Sequence[Item]) -> None:
    """Send plays flat out, each to its user's partition, and wait until Kafka has them."""
    by_partition: dict[int, list[Item]] = {}
    for item in plays:
        by_partition.setdefault(partition_of(item[0].decode(), settings.topics.partitions), []).append(item)
    for partition, items in by_partition.items():
        for low in range(0, len(items), 20_000):
            await (await outbox.send(topic_names(settings).plays, partition, items[low : low + 20_000])).written()


def send_plays(settings: Settings, plays: Sequence[Item]) -> None:
    """Do the same from outside an event loop."""

    async def send() -> None:
        async with Outbox(settings.kafka) as outbox:
            await produce_plays(outbox, settings, plays)

    asyncio.run(send())


def made_up_factors(n_items: int, factors: int, rng: np.random.Generator) -> Floats:
    """Return item factors with norms spread as popularity spreads them, in the order of the items' numbers."""
    spread = rng.gamma(2.0, 0.2, (n_items, 1)) / 8
    return (rng.standard_normal((n_items, factors)) * spread).astype(np.float32)


def publish(settings: Settings, item_factors: Floats) -> str:
    """Publish and announce a generation of made-up factors for items `i0`, `i1`, ...; return its id."""
    now_ms = time.time_ns() // 1_000_000
    generation_id = new_generation_id(now_ms)
    folder = settings.application.data_path / "made-up" / generation_id
    write_made_up(folder, generation_id, item_factors)
    generation_store(settings).publish(folder)
    asyncio.run(announce(settings, generation_id, 0, now_ms))
    return generation_id


def open_made_up(folder: Path, item_factors: Floats) -> Generation:
    """Write such a generation into a folder and open it, without Kafka."""
    write_made_up(folder, FIRST_ID, item_factors)
    return open_generation(folder)


def write_made_up(folder: Path, generation_id: str, item_factors: Floats) -> None:
    """Write a generation of made-up factors."""
    objective = Objective(factors=item_factors.shape[1])
    manifest = manifest_of(generation_id, objective, len(item_factors))
    write_generation(folder, manifest, numbered(item_factors, objective))
