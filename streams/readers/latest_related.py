"""The related items of an item, read from their topic."""

from collections.abc import Callable

import msgspec

from streams.fetch.unreadable_batch import UnreadableBatch
from streams.messages.records import RelatedItems
from streams.readers.decode_record import decode_record
from streams.readers.latest_record import latest_value
from streams.settings import Settings
from streams.topics.topics import topic_names

_DECODER = msgspec.json.Decoder(RelatedItems)


def read_related(item_id: str, value: bytes) -> RelatedItems:
    """Decode the record of an item's related items.

    Raises:
        UnreadableRecord: The value is no list of related items.
    """
    return decode_record(_DECODER, value, f"The record of related items of {item_id!r}")


async def latest_related(
    item_id: str, settings: Settings, skip: Callable[[UnreadableBatch], None] | None = None
) -> RelatedItems | None:
    """Return the related items of an item under the generation announced last; None if there are none.

    `skip` is called with a batch that does not decode, which is skipped. Without it the read fails at such a batch.

    Raises:
        LogReadError: Kafka does not answer, or the topic does not exist.
        UnreadableRecord: The record of the item is no list of related items.
    """
    latest = await latest_value(topic_names(settings).related_items, item_id, settings, skip)
    return None if latest is None else read_related(item_id, latest)
