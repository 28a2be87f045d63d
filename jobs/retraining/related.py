"""The nearest items of every item: computed once for a generation, published before its announcement."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np

from jobs.progress import JobProgress, ProgressCallback, no_progress
from model.arrays import Floats, Rows
from model.related import related_items
from state.generations.generation import Generation
from state.generations.open_store import generation_store
from state.generations.related_items import Related, open_related, write_related
from streams.messages.records import RelatedItems
from streams.outbox import Item, Outbox, OutboxError, UnacknowledgedError
from streams.partitioning import partition_of
from streams.readers.log_reader import read_topic
from streams.settings import Settings
from streams.topics.topics import topic_names

ITEMS_AT_ONCE = 4096
"""Items that are computed, or sent to the topic, at a time."""
RELATING, WRITING = "relating the items", "writing related items"


def relate(
    generation: Generation, folder: Path, n: int, threads: int, on_progress: ProgressCallback = no_progress
) -> None:
    """Find the nearest items of every item and add them to the generation's folder.

    Args:
        generation: The open generation.
        folder: The generation's folder.
        n: The number of related items of an item.
        threads: The number of threads.
        on_progress: Called with the number of items done.
    """
    factors = generation.item_factors
    shape = len(factors), n
    related = Related(np.full(shape, -1, np.int32), np.full(shape, -np.inf, np.float32))
    for low in range(0, len(factors), ITEMS_AT_ONCE):
        items = np.arange(low, min(len(factors), low + ITEMS_AT_ONCE), dtype=np.int32)
        related.rows[items], related.cosines[items] = related_items(factors, n, threads, items)
        on_progress(JobProgress(RELATING, int(items[-1]) + 1, len(factors)))
    write_related(folder, related)


async def publish_related(settings: Settings, generation_id: str, on_progress: ProgressCallback = no_progress) -> int:
    """Send a generation's related items to their topic; sending them twice is harmless.

    An item with a record on the topic, but without related items in this generation, gets a tombstone. These items are
    read from the topic: after a rollback, or a run that crashed half-way, no generation lists them all.

    Returns:
        The number of items with related ones.

    Raises:
        GenerationError: The generation is missing in the store, or damaged.
        LogReadError, OutboxError: Kafka does not answer.
    """
    store = generation_store(settings)
    generation = await asyncio.to_thread(store.open, generation_id)
    related = await asyncio.to_thread(open_related, store.folder(generation_id))
    rows = listed_rows(generation, related)
    listed = np.flatnonzero((rows >= 0).any(axis=1))
    obsolete = await _published_items(settings) - set(generation.item_ids[listed].tolist())
    n_items = len(listed) + len(obsolete)
    async with Outbox(settings.kafka, topic_names(settings).related_items) as outbox:
        done = 0
        for records in _records(generation, related, rows, sorted(obsolete)):
            await _send(outbox, settings, records)
            done += len(records)
            on_progress(JobProgress(WRITING, done, n_items))
    return len(listed)


async def _published_items(settings: Settings) -> set[str]:
    """Return the items that have a record on the topic."""
    has_value: dict[bytes, bool] = {}
    topic = topic_names(settings).related_items
    async for _, records in read_topic(settings.kafka, topic, settings.kafka.timeout_s):
        has_value.update((record.key, record.value is not None) for record in records)
    return {key.decode() for key, is_published in has_value.items() if is_published}


def listed_rows(generation: Generation, related: Related | None) -> Rows:
    """Return the rows of the related items of every item, -1 for none, without withdrawn items on either side."""
    if related is None:
        return np.full((len(generation.item_ids), 0), -1, np.int32)
    listed = np.ones(len(generation.item_ids) + 1, np.bool_)
    listed[generation.revision.withdrawn_rows] = False
    listed[-1] = False  # row -1
    return np.where(listed[related.rows] & listed[:-1, None], related.rows, np.int32(-1))


def _records(
    generation: Generation, related: Related | None, rows: Rows, obsolete: Sequence[str]
) -> Iterator[list[tuple[str, bytes | None]]]:
    """Yield batches of item ids and values for the topic, tombstones last."""
    for low in range(0, len(rows), ITEMS_AT_ONCE):
        block = slice(low, low + ITEMS_AT_ONCE)
        if related is not None:
            yield list(_encode(generation, block, rows[block], related.cosines[block]))
    for low in range(0, len(obsolete), ITEMS_AT_ONCE):
        yield [(item_id, None) for item_id in obsolete[low : low + ITEMS_AT_ONCE]]


def _encode(generation: Generation, block: slice, rows: Rows, cosines: Floats) -> Iterator[tuple[str, bytes]]:
    """Yield the records of a block of items; an item without related items has none."""
    for item_id, related_rows, related_cosines in zip(generation.item_ids[block], rows, cosines, strict=True):
        exists = related_rows >= 0
        if exists.any():
            record = RelatedItems(
                item_id=item_id,
                generation=generation.id,
                items=generation.item_ids[related_rows[exists]].tolist(),
                cosines=[round(cosine, 6) for cosine in related_cosines[exists].tolist()],
            )
            yield item_id, msgspec.json.encode(record)


async def _send(outbox: Outbox, settings: Settings, records: Sequence[tuple[str, bytes | None]]) -> None:
    """Send records to their items' partitions, and wait until Kafka acknowledges them."""
    by_partition: dict[int, list[Item]] = {}
    for item_id, value in records:
        by_partition.setdefault(partition_of(item_id, settings.topics.partitions), []).append((item_id.encode(), value))
    topic = topic_names(settings).related_items
    try:
        for pending in [await outbox.send(topic, partition, items) for partition, items in by_partition.items()]:
            await pending.written()
    except UnacknowledgedError as error:
        message = f"{error} Start again when it answers; writing related items twice is harmless."
        raise OutboxError(message) from error
