"""Catalog items: the decoder of their records, the latest record of one item, and the titles of several."""

from collections.abc import AsyncIterator, Callable, Collection

import msgspec

from streams.fetch.unreadable_batch import UnreadableBatch
from streams.messages.records import CatalogItem
from streams.readers.decode_record import UnreadableRecord, decode_record
from streams.readers.latest_record import latest_value
from streams.readers.log_reader import LogReadError, log_skipped, partitions_of, read_span, read_topic, reader, spans_of
from streams.settings import Settings
from streams.topics.topics import topic_names

TITLES_RECORDS_MAX = 100_000
"""Largest topic in which titles are looked up: the whole topic is read, which takes about a second at this size."""
_DECODER = msgspec.json.Decoder(CatalogItem)
_DESCRIPTION = "A record of the catalog"


def read_catalog_item(key: bytes | None, value: bytes) -> CatalogItem:
    """Decode a record of the catalog that is no tombstone.

    Raises:
        UnreadableRecord: The value is no item, or the key is not its id.
    """
    item = decode_record(_DECODER, value, _DESCRIPTION)
    if key != item.item_id.encode():
        raise UnreadableRecord(_DESCRIPTION, "the key is not the item_id")
    return item


async def latest_catalog_item(
    item_id: str, settings: Settings, skip: Callable[[UnreadableBatch], None] | None = None
) -> CatalogItem | None:
    """Return the latest catalog record of an item; None if there is none, or a tombstone.

    `skip` is called with a batch that does not decode, which is skipped. Without it the read fails at such a batch.

    Raises:
        LogReadError: Kafka does not answer, or the topic does not exist.
        UnreadableRecord: The record of the item does not decode.
    """
    latest = await latest_value(topic_names(settings).catalog, item_id, settings, skip)
    return None if latest is None else read_catalog_item(item_id.encode(), latest)


async def titles_of(item_ids: Collection[str], settings: Settings) -> dict[str, str]:
    """Return the titles of items by id; items without a title are left out.

    The result is empty if the topic cannot be read, or holds more than `TITLES_RECORDS_MAX` records: titles are
    optional for the caller.
    """
    values: dict[bytes, bytes | None] = {item_id.encode(): None for item_id in item_ids}
    try:
        async with reader(settings.kafka, settings.kafka.timeout_s) as consumer:
            spans = await spans_of(consumer, await partitions_of(consumer, topic_names(settings).catalog))
            if sum(span.end - span.start for span in spans.values()) > TITLES_RECORDS_MAX:
                return {}
            ends = {tp: span.end for tp, span in spans.items()}
            async for _, records in read_span(consumer, ends, {}, settings.kafka.timeout_s, log_skipped):
                values |= {record.key: record.value for record in records if record.key in values}
    except LogReadError:
        return {}
    return dict(_titles(values))


def _titles(values: dict[bytes, bytes | None]) -> list[tuple[str, str]]:
    titles = []
    for key, value in values.items():
        try:
            item = read_catalog_item(key, value or b"")
        except UnreadableRecord:
            continue
        if item.title:
            titles.append((item.item_id, item.title))
    return titles


async def described_items(settings: Settings) -> AsyncIterator[tuple[bytes, bool]]:
    """Yield the key of every record of the catalog in order, and whether it is a record and no tombstone.

    Raises:
        LogReadError: Kafka does not answer, or the topic does not exist.
    """
    async for _, records in read_topic(settings.kafka, topic_names(settings).catalog, settings.kafka.timeout_s):
        for record in records:
            if record.key:
                yield record.key, record.value is not None
