"""The next generation: from the users changelog to announced item factors."""

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple

import msgspec
import numpy as np

from jobs.history import HistorySnapshot, read_history
from model.arrays import Keys, Rows
from model.objective import Objective
from model.popularity import popularity
from model.training import Factors, LocalEngine, Matrix, Progress, train
from model.windows import with_windows
from state.generation import Catalog, Manifest
from state.generation_store import GenerationStore, new_generation_id
from state.user_records import UserRecords, unpack
from streams.log_reader import read_topic
from streams.outbox import Outbox
from streams.records import Announcement
from streams.settings import Settings
from streams.topics import topic_names

SERVING_KEY = b"serving"
SEED = 0


class NothingToTrainError(ValueError):
    """There is nothing to train on. Send plays, and let a worker fold them, before a generation is made."""


class Step(NamedTuple):
    """What a retrain is at, for whoever watches."""

    name: str
    done: int = 0
    total: int | None = None


class TrainingSet(NamedTuple):
    """What a snapshot gives to train on."""

    records: UserRecords
    item_ids: list[str]
    rows: Rows
    """Item row of every history entry; the rows follow `item_ids`."""

    def matrix(self, window_plays: int) -> Matrix:
        """Return what every listener's plays of an item were worth when it was last played; windows come last.

        Recency belongs to the moment of a list: it is applied when a user is folded in. Items are described by all
        that listeners ever played of them, so their factors are trained without it.
        """
        histories = self.records.histories
        plays = Matrix(histories.starts, self.rows, histories.values)
        return with_windows(plays, histories.touched_at_play, window_plays)


def training_set(snapshot: HistorySnapshot, settings: Settings) -> TrainingSet:
    """Turn a snapshot into a matrix of users and items.

    Raises:
        NothingToTrainError: No user has a history.
    """
    records = unpack([snapshot.users[key] for key in sorted(snapshot.users)], settings.factors)
    item_keys: Keys = np.unique(records.histories.item_keys)
    if not len(item_keys):
        message = f"The changelog of group {settings.group} holds no plays: replay some and run a worker first."
        raise NothingToTrainError(message)
    item_ids = [snapshot.item_ids[key] for key in item_keys.tolist()]
    rows = np.searchsorted(item_keys, records.histories.item_keys).astype(np.int32)
    return TrainingSet(records, item_ids, rows)


def objective_of(settings: Settings) -> Objective:
    """Return what the next generation minimises."""
    return Objective(
        rule=settings.rule,
        factors=settings.factors,
        regularization=settings.regularization,
        unobserved_weight=settings.unobserved_weight,
        alpha=settings.alpha,
        half_life_plays=settings.half_life_plays,
        iterations=settings.iterations,
        window_plays=settings.window_plays,
    )


def train_factors(
    found: TrainingSet, objective: Objective, threads: int, progress: Callable[[Progress], None]
) -> Factors:
    """Train on a training set; the same set gives the same factors.

    Raises:
        TrainingError: The training diverged.
    """
    rng = np.random.default_rng(SEED)
    return train(
        found.matrix(objective.window_plays), len(found.item_ids), objective, rng, progress, LocalEngine(threads)
    )


def describe(
    found: TrainingSet,
    snapshot: HistorySnapshot,
    objective: Objective,
    generation_id: str,
    parent: str | None,
    now_ms: int,
) -> Manifest:
    """Return the manifest of a generation trained on `found`."""
    return Manifest(
        generation_id=generation_id,
        created_at_ms=now_ms,
        parent=parent,
        trained_through=snapshot.read_through,
        objective=objective,
        n_users=len(found.records),
        n_items=len(found.item_ids),
        n_plays=int(found.records.header["plays"].sum()),
    )


def catalog_of(found: TrainingSet, factors: Factors) -> Catalog:
    """Return the items of a generation with their factors and how popular they are."""
    plays = popularity(found.records.histories, found.records.header["plays"], found.rows, len(found.item_ids))
    return Catalog(found.item_ids, factors.item_factors, factors.gram_diagonal, plays)


def retrain(settings: Settings, watch: Callable[[Step], None]) -> Manifest:
    """Make the next generation: read the histories, train, publish, announce.

    A crash before the announcement leaves a generation that nobody serves; the next run makes another.

    Args:
        settings: Where things are, and what is minimised.
        watch: Told of every step.

    Raises:
        LogReadError, OutboxError: Kafka did not answer.
        NothingToTrainError: No user has a history.
        TrainingError: The training diverged.
        GenerationError: What was written does not verify.
    """
    watch(Step("reading the histories"))
    snapshot = asyncio.run(read_history(settings))
    found, objective = training_set(snapshot, settings), objective_of(settings)
    total, name = 2 * objective.iterations, f"training on {len(found.records):,} listeners"
    watch(Step(name, 0, total))
    factors = train_factors(
        found,
        objective,
        settings.threads,
        lambda at: watch(Step(name, 2 * at.iteration - (at.side == "users"), total)),
    )
    watch(Step("publishing", total, total))
    now_ms = time.time_ns() // 1_000_000
    serving = asyncio.run(announced(settings))
    parent = serving.generation_id if serving else None
    manifest = describe(found, snapshot, objective, new_generation_id(now_ms), parent, now_ms)
    GenerationStore(settings.generations_path).publish(manifest, catalog_of(found, factors))
    asyncio.run(announce(settings, manifest.generation_id, now_ms))
    watch(Step(f"announced {manifest.generation_id}", total, total))
    return manifest


async def announced(settings: Settings) -> Announcement | None:
    """Return the announcement that stands on the generations topic, None if there is none.

    Raises:
        LogReadError: The topic is missing or Kafka does not answer.
    """
    found = None
    async for _, records in read_topic(settings.brokers, topic_names(settings).generations, settings.kafka_timeout_s):
        found = msgspec.json.decode(records[-1].value, type=Announcement)
    return found


async def announce(settings: Settings, generation_id: str, now_ms: int) -> None:
    """Tell every worker to serve a generation.

    Raises:
        OutboxError: Kafka does not answer.
    """
    announcement = Announcement(generation_id=generation_id, revision=0, announced_at_ms=now_ms)
    async with Outbox(settings) as outbox:
        item = (SERVING_KEY, msgspec.json.encode(announcement))
        await (await outbox.send(topic_names(settings).generations, 0, [item])).written()
