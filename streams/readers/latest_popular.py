"""The popular list of a kind, read from its topic."""

import msgspec

from streams.files.replay import partition_of
from streams.messages.records import PopularItems, Recommendations
from streams.readers.log_reader import read_topic
from streams.settings import Settings
from streams.topics.topics import topic_names

_decode = msgspec.json.Decoder(PopularItems).decode


class PopularUnreadable(ValueError):  # noqa: N818 - it names the record, which is not an error of ours
    """A record of the popular items cannot be read. See who else writes to the topic."""


async def latest_popular(kind: str, settings: Settings) -> PopularItems | None:
    """Return the popular list of a kind that was made last; None if there is none.

    Every partition has one, of the worker that owns it. They differ by what the others have not seen: the plays since
    the last retrain of the listeners whose partitions they do not own.

    Raises:
        LogReadError: Kafka or the topic is not there.
        PopularUnreadable: A record of this kind is something else.
    """
    latest: dict[int, bytes | None] = {}
    wanted, topic = kind.encode(), topic_names(settings).popular_items
    async for partition, records in read_topic(settings.kafka.brokers, topic, settings.kafka.timeout_s):
        for record in records:
            if record.key == wanted:
                latest[partition] = record.value
    found = [read_popular(kind, value) for value in latest.values() if value is not None]
    return max(found, key=lambda popular: popular.made_at_ms, default=None)


def as_list_of(user_id: str, popular: PopularItems, settings: Settings) -> Recommendations:
    """Return a popular list as that of a listener who has none of their own."""
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


def read_popular(kind: str, value: bytes) -> PopularItems:
    """Read the record of a kind's popular items.

    Raises:
        PopularUnreadable: Whatever else the bytes are.
    """
    try:
        return _decode(value)
    except (ValueError, RecursionError) as error:
        message = f"A record of popular items of kind {kind!r} cannot be read: {str(error).replace('`', '')[:200]}."
        raise PopularUnreadable(message) from None
