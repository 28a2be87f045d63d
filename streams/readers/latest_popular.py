"""The latest popular list of a kind, read from its topic."""

from collections.abc import Callable

import msgspec

from streams.fetch.unreadable_batch import UnreadableBatch
from streams.messages.records import PopularItems, Recommendations
from streams.partitioning import partition_of
from streams.readers.decode_record import decode_record
from streams.readers.log_reader import read_topic
from streams.settings import Settings
from streams.topics.topics import topic_names

_DECODER = msgspec.json.Decoder(PopularItems)


def read_popular(kind: str, value: bytes) -> PopularItems:
    """Decode the record of a kind's popular list.

    Raises:
        UnreadableRecord: The value is no popular list.
    """
    return decode_record(_DECODER, value, f"A popular list of kind {kind!r}")


async def latest_popular(
    kind: str, settings: Settings, skip: Callable[[UnreadableBatch], None] | None = None
) -> PopularItems | None:
    """Return the latest popular list of a kind; None if there is none.

    Every partition has a list of its worker. Two of them differ by the plays since the last retrain, of which a worker
    counts only those of its own partitions. `skip` is called with a batch that does not decode, which is skipped.
    Without it the read fails at such a batch.

    Raises:
        LogReadError: Kafka does not answer, or the topic does not exist.
        UnreadableRecord: A record of this kind is no popular list.
    """
    values: dict[int, bytes | None] = {}
    key, topic = kind.encode(), topic_names(settings).popular_items
    async for partition, records in read_topic(settings.kafka, topic, settings.kafka.timeout_s, skip=skip):
        for record in records:
            if record.key == key:
                values[partition] = record.value
    lists = [read_popular(kind, value) for value in values.values() if value is not None]
    return max(lists, key=lambda popular: popular.made_at_ms, default=None)


def as_list_of(user_id: str, popular: PopularItems, settings: Settings) -> Recommendations:
    """Return a popular list as the list of a listener without a personal one."""
    return Recommendations(
        user_id=user_id,
        kind="popular",
        generation=popular.generation,
        revision=popular.revision,
        partition=partition_of(user_id, settings.topics.partitions),
        offset=-1,
        made_at_ms=popular.made_at_ms,
        expires_at_ms=popular.made_at_ms + 1000 * settings.lists.expires_s,
        items=popular.items,
        scores=popular.plays,
    )
