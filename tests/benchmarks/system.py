"""A Kafka and a playfold for one benchmark: plays are made up, engines are processes, everything ends with it."""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from cli.processes import environment_of
from jobs.retrain import announce
from model.basis import diagonalise, rotate
from model.objective import Objective
from state.generation import Catalog, Manifest
from state.generation_store import GenerationStore, new_generation_id
from streams.broker import Broker, free_port
from streams.jars import jars_path
from streams.outbox import Item, Outbox
from streams.replay import partition_of
from streams.settings import Settings
from streams.topics import create_topics, topic_names

ENGINE_S = 300.0
FIRST_PLAY_MS = 1_700_000_000_000


@contextmanager
def system(**chosen: Any) -> Iterator[Settings]:
    """Run a broker in a folder of its own and give the settings of a playfold on it, its topics created."""
    with tempfile.TemporaryDirectory(prefix="playfold-benchmark-") as folder:
        port = free_port()
        settings = Settings(brokers=f"127.0.0.1:{port}", data_dir=folder, **chosen)
        with Broker(settings.broker_path, jars_path(Settings()), port):
            create_topics(settings)
            yield settings


def under(settings: Settings, group: str) -> Settings:
    """Return settings of another playfold on the same broker, its topics created."""
    other = msgspec.structs.replace(settings, group=group, topic_prefix=f"{group}.")
    create_topics(other)
    return other


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


def send_plays(settings: Settings, plays: Sequence[Item]) -> None:
    """Send plays flat out, each to its user's partition."""
    by_partition: dict[int, list[Item]] = {}
    for item in plays:
        by_partition.setdefault(partition_of(item[0].decode(), settings.partitions), []).append(item)

    async def send() -> None:
        async with Outbox(settings) as outbox:
            for partition, items in by_partition.items():
                for low in range(0, len(items), 20_000):
                    part = items[low : low + 20_000]
                    await (await outbox.send(topic_names(settings).plays, partition, part)).written()

    asyncio.run(send())


def made_up_factors(n_items: int, factors: int, rng: np.random.Generator) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return item factors with norms spread as popularity spreads them, in the order of the items' numbers."""
    spread = rng.gamma(2.0, 0.2, (n_items, 1)) / 8
    return (rng.standard_normal((n_items, factors)) * spread).astype(np.float32)


def publish(settings: Settings, item_factors: np.ndarray[Any, np.dtype[np.float32]]) -> str:
    """Publish and announce a generation of made-up factors for items `i0`, `i1`, ..."""
    n_items, factors = item_factors.shape
    objective = Objective(factors=factors)
    rotation, diagonal = diagonalise(item_factors, objective.gram_scale)
    now_ms = time.time_ns() // 1_000_000
    manifest = Manifest(
        generation_id=new_generation_id(now_ms),
        created_at_ms=now_ms,
        parent=None,
        trained_through={},
        objective=objective,
        n_users=0,
        n_items=n_items,
        n_plays=0,
    )
    ids = [f"i{number}" for number in range(n_items)]
    catalog = Catalog(ids, rotate(item_factors, rotation), diagonal, np.ones(n_items, np.float32))
    GenerationStore(settings.generations_path).publish(manifest, catalog)
    asyncio.run(announce(settings, manifest.generation_id, now_ms))
    return manifest.generation_id


def run_ours(settings: Settings, work: str, plays: int) -> dict[str, Any]:
    """Run playfold as an engine until it has done `plays`; 0: until every partition is swept."""
    command = [sys.executable, "-m", "tests.benchmarks.engines.ours", work, str(plays)]
    return _run(command, environment_of(settings), settings)


def run_other(module: str, settings: Settings, plays: int, **environment: str) -> dict[str, Any]:
    """Run another engine on the plays of `settings` until it has done `plays`."""
    folder = Path(settings.data_dir) / f"{settings.group}-other"
    given = {
        "GROUP": settings.group,
        "BROKERS": settings.brokers,
        "FOLDER": str(folder),
        "PLAYS": str(plays),
        "PLAYS_TOPIC": topic_names(settings).plays,
        **environment,
    }
    return _run([sys.executable, "-m", f"tests.benchmarks.engines.{module}"], os.environ | given, settings)


def _run(command: list[str], environment: dict[str, str], settings: Settings) -> dict[str, Any]:
    """Run an engine and return the line it writes to the file descriptor RESULT_FD, an empty one if it writes none."""
    log = Path(settings.data_dir) / f"{settings.group}.log"
    read_fd, write_fd = os.pipe()
    with os.fdopen(read_fd) as result, log.open("ab") as output:
        process = subprocess.Popen(
            command, env=environment | {"RESULT_FD": str(write_fd)}, stdout=output, stderr=output, pass_fds=[write_fd]
        )
        os.close(write_fd)
        try:
            line = result.readline()
            if not line.strip() and process.wait(ENGINE_S) != 0:
                message = f"{' '.join(command)} ended with {process.returncode}: {log.read_text()[-2000:]}"
                raise RuntimeError(message)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    return msgspec.json.decode(line) if line.strip() else {}
