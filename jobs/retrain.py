"""The next generation: from the users changelog to announced item factors."""

from collections.abc import Callable
from typing import NamedTuple

import msgspec
import numpy as np

from jobs.history import HistorySnapshot
from model.arrays import Keys, Rows
from model.objective import Objective
from model.popularity import popularity
from model.training import Factors, LocalEngine, Matrix, Progress, train
from state.generation import Catalog, Manifest
from state.user_records import UserRecords, unpack
from streams.outbox import Outbox
from streams.records import Announcement
from streams.settings import Settings
from streams.topics import topic_names

SERVING_KEY = b"serving"
SEED = 0


class NothingToTrainError(ValueError):
    """There is nothing to train on. Send plays, and let a worker fold them, before a generation is made."""


class TrainingSet(NamedTuple):
    """What a snapshot gives to train on."""

    records: UserRecords
    item_ids: list[str]
    rows: Rows
    """Item row of every history entry; the rows follow `item_ids`."""

    @property
    def matrix(self) -> Matrix:
        """Return what every listener's plays of an item were worth when it was last played.

        Recency belongs to the moment of a list: it is applied when a user is folded in. Items are described by all
        that listeners ever played of them, so their factors are trained without it.
        """
        histories = self.records.histories
        return Matrix(histories.starts, self.rows, histories.values)


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
    )


def train_factors(found: TrainingSet, objective: Objective, threads: int, progress: Callable[[Progress], None]) -> Factors:
    """Train on a training set; the same set gives the same factors.

    Raises:
        TrainingError: The training diverged.
    """
    rng = np.random.default_rng(SEED)
    return train(found.matrix, len(found.item_ids), objective, rng, progress, LocalEngine(threads))


def describe(
    found: TrainingSet, snapshot: HistorySnapshot, objective: Objective, generation_id: str, parent: str | None, now_ms: int
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


async def announce(settings: Settings, generation_id: str, now_ms: int) -> None:
    """Tell every worker to serve a generation.

    Raises:
        OutboxError: Kafka does not answer.
    """
    announcement = Announcement(generation_id=generation_id, revision=0, announced_at_ms=now_ms)
    async with Outbox(settings) as outbox:
        item = (SERVING_KEY, msgspec.json.encode(announcement))
        await (await outbox.send(topic_names(settings).generations, 0, [item])).written()
