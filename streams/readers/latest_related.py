"""The items related to an item, read from their topic."""

import msgspec

from streams.messages.records import RelatedItems
from streams.readers.latest_record import records_of
from streams.settings import Settings
from streams.topics.topics import topic_names

_decode = msgspec.json.Decoder(RelatedItems).decode


class RelatedUnreadable(ValueError):  # noqa: N818 - it names the record, which is not an error of ours
    """A record of the related items cannot be read. See who else writes to the topic."""


async def latest_related(item_id: str, settings: Settings) -> RelatedItems | None:
    """Return the items related to an item under the generation announced last; None if there are none.

    Raises:
        LogReadError: Kafka or the topic is not there.
        RelatedUnreadable: The item's record is something else.
    """
    latest: bytes | None = None
    async for value in records_of(topic_names(settings).related_items, item_id, settings):
        latest = value
    return None if latest is None else read_related(item_id, latest)


def read_related(item_id: str, value: bytes) -> RelatedItems:
    """Read the record of an item's related items.

    Raises:
        RelatedUnreadable: Whatever else the bytes are.
    """
    try:
        return _decode(value)
    except (ValueError, RecursionError) as error:
        message = f"The record of related items of {item_id!r} cannot be read: {str(error).replace('`', '')[:200]}."
        raise RelatedUnreadable(message) from None
