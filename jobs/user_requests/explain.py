"""The explanation of an item's score, from the users changelog and the generation store."""

import asyncio

from jobs.announcement import announced
from state.generations.generation import Generation
from state.generations.open_store import generation_store
from state.keys import generation_key
from state.lists.explain_score import Explanation, ExplanationError, explanation
from state.users.record_bytes import applied_offset_of, generation_key_of, is_forgotten, plays_of
from streams.partitioning import fullest, partition_of
from streams.readers.latest_record import records_under
from streams.settings import Settings
from streams.topics.topics import topic_names


def explain(user_id: str, item_id: str, settings: Settings) -> Explanation:
    """Split an item's score over all of a listener's plays, as of their record on the users changelog.

    Raises:
        ExplanationError: There is no such score; the message says why.
        GenerationError: The vector's generation is damaged, or the store does not answer.
        LogReadError: Kafka does not answer, or a topic is missing.
    """
    value = asyncio.run(latest_record(user_id, settings))
    if value is None or is_forgotten(value):
        message = (
            f"Nothing is known of {user_id!r}: either no worker has folded a play of theirs, or they were forgotten."
        )
        raise ExplanationError(message)
    announcement = asyncio.run(announced(settings))
    serving = announcement.generation_id if announcement else None
    generation = _generation_of(user_id, generation_key_of(value), serving, settings)
    return explanation(user_id, item_id, value, generation, serving, settings)


async def latest_record(user_id: str, settings: Settings) -> bytes | None:
    """Return the record of a listener that counts: the one with the highest applied offset; None if there is none.

    Of records on several partitions, which a producer with another partitioner leaves, the one with most plays counts.

    Raises:
        LogReadError: Kafka does not answer, or the topic is missing.
    """
    records: dict[int, bytes] = {}
    async for partition, record in records_under(topic_names(settings).users_changelog, user_id, settings):
        if record.value is None:
            records.pop(partition, None)
        elif partition not in records or applied_offset_of(record.value) >= applied_offset_of(records[partition]):
            records[partition] = record.value
    best = fullest(records, plays_of, partition_of(user_id, settings.topics.partitions))
    return best[1] if best else None


def _generation_of(user_id: str, key: int, serving: str | None, settings: Settings) -> Generation:
    """Open the generation that a vector belongs to."""
    if not key:
        message = (
            f"There is no vector of {user_id!r} yet, since no generation has been served: run `playfold retrain`."
            if serving is None
            else f"There is no vector of {user_id!r} yet: a worker that serves generation {serving} will fold it."
        )
        raise ExplanationError(message)
    store = generation_store(settings)
    for manifest in store.manifests():
        if generation_key(manifest.generation_id) == key:
            return store.open(manifest.generation_id)
    message = (
        f"The vector of {user_id!r} belongs to an older generation, which is not in the store any more: "
        f"it can be explained once a worker has folded it under generation {serving}."
    )
    raise ExplanationError(message)
