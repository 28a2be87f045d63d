"""Made-up listeners, plays and item factors for tests and benchmarks."""

import asyncio
import time
from collections.abc import Sequence

import msgspec
import numpy as np

from jobs.announce import announce
from model.arrays import Floats
from model.objective import Objective
from state.generation import write_generation
from state.generation_store import generation_store, new_generation_id
from streams.outbox import Item, Outbox
from streams.replay import partition_of
from streams.settings import Settings
from streams.topics import topic_names
from tests.state.builders import manifest_of, numbered

FIRST_PLAY_MS = 1_700_000_000_000


def made_up_plays(n: int, n_users: int, n_items: int, rng: np.random.Generator, first: int = 0) -> list[Item]:
    """Return plays of users taken evenly and items by a power law, as they travel."""
    users = rng.integers(0, n_users, n).tolist()
    items = (rng.pareto(0.6, n).astype(np.int64) % n_items).tolist()
    return [
        (
            f"u{user}".encode(),
            msgspec.json.encode({"user_id": f"u{user}", "item_id": f"i{item}", "played_at_ms": FIRST_PLAY_MS + number}),
        )
        for number, (user, item) in enumerate(zip(users, items, strict=True), first)
    ]


async def produce_plays(outbox: Outbox, settings: Settings, plays: Sequence[Item]) -> None:
    """Send plays flat out, each to its user's partition, and wait until Kafka has them."""
    by_partition: dict[int, list[Item]] = {}
    for item in plays:
        by_partition.setdefault(partition_of(item[0].decode(), settings.partitions), []).append(item)
    for partition, items in by_partition.items():
        for low in range(0, len(items), 20_000):
            await (await outbox.send(topic_names(settings).plays, partition, items[low : low + 20_000])).written()


def send_plays(settings: Settings, plays: Sequence[Item]) -> None:
    """Do the same from outside an event loop."""

    async def send() -> None:
        async with Outbox(settings) as outbox:
            await produce_plays(outbox, settings, plays)

    asyncio.run(send())


def made_up_factors(n_items: int, factors: int, rng: np.random.Generator) -> Floats:
    """Return item factors with norms spread as popularity spreads them, in the order of the items' numbers."""
    spread = rng.gamma(2.0, 0.2, (n_items, 1)) / 8
    return (rng.standard_normal((n_items, factors)) * spread).astype(np.float32)


def publish(settings: Settings, item_factors: Floats) -> str:
    """Publish and announce a generation of made-up factors for items `i0`, `i1`, ...; return its id."""
    objective, now_ms = Objective(factors=item_factors.shape[1]), time.time_ns() // 1_000_000
    manifest = manifest_of(new_generation_id(now_ms), objective, len(item_factors))
    folder = settings.data_path / "made-up" / manifest.generation_id
    write_generation(folder, manifest, numbered(item_factors, objective))
    generation_store(settings).publish(folder)
    asyncio.run(announce(settings, manifest.generation_id, 0, now_ms))
    return manifest.generation_id
