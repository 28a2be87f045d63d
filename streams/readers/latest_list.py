"""The latest list of a listener, read from the recommendations topic."""

from collections.abc import Callable

import msgspec

from streams.fetch.unreadable_batch import UnreadableBatch
from streams.messages.records import Recommendations
from streams.partitioning import fullest, partition_of
from streams.positions import position_of
from streams.readers.decode_record import decode_record
from streams.readers.latest_record import records_under
from streams.settings import Settings
from streams.topics.topics import topic_names

_DECODER = msgspec.json.Decoder(Recommendations)


def read_list(value: bytes) -> Recommendations:
    """Decode the value of a record of `recommendations`.

    Raises:
        UnreadableRecord: The value is no list.
    """
    return decode_record(_DECODER, value, "A list on the recommendations topic")


async def latest_list(
    user_id: str, settings: Settings, skip: Callable[[UnreadableBatch], None] | None = None
) -> Recommendations | None:
    """Return the list that reflects most of a listener's plays; None if there is none.

    A producer with another partitioner leaves lists on several partitions. The last record of one may be a staler
    list: a frozen worker may write it after its successor's list. `skip` is called with a batch that does not decode,
    which is skipped. Without it the read fails at such a batch.

    Raises:
        LogReadError: Kafka does not answer, or the topic does not exist.
        UnreadableRecord: A record of this listener is no list.
    """
    lists: dict[int, Recommendations] = {}
    async for partition, record in records_under(topic_names(settings).recommendations, user_id, settings, skip):
        if record.value is None:
            lists.pop(partition, None)
        else:
            lists[partition] = fresher(lists.get(partition), read_list(record.value))
    best = fullest(lists, lambda made: made.plays, partition_of(user_id, settings.topics.partitions))
    return best[1] if best else None


def fresher(earlier: Recommendations | None, later: Recommendations) -> Recommendations:
    """Return the list that reflects more plays, the later record of two equals."""
    return later if earlier is None or position_in(later) >= position_in(earlier) else earlier


def position_in(recommendations: Recommendations) -> int:
    """Return the position of the latest play that a list reflects."""
    return position_of(recommendations.epoch or 0, recommendations.offset)
