"""An item of the catalog: the one way to read its record, and what stands there of one item or of some."""

from collections.abc import Collection

import msgspec

from streams.messages.events import REASON_LENGTH_MAX
from streams.messages.records import CatalogItem
from streams.readers.latest_record import records_of
from streams.readers.log_reader import LogReadError, partitions_of, read_span, reader, spans_of
from streams.settings import Settings
from streams.topics.topics import topic_names

TITLES_RECORDS_MAX = 100_000
"""Titles are looked up where the topic holds at most so many records, which takes about a second: it is read whole."""


class UnreadableCatalogItem(ValueError):  # noqa: N818 - it names the record, which is not an error of ours
    """A record of the catalog is no item; its text is the reason. See the producer that wrote it."""


_decode = msgspec.json.Decoder(CatalogItem).decode


def read_catalog_item(key: bytes | None, value: bytes) -> CatalogItem:
    """Read one record of the catalog that is no tombstone.

    Raises:
        UnreadableCatalogItem: Whatever else the bytes are.
    """
    try:
        item = _decode(value)
    except RecursionError:
        reason = "the value is nested too deeply"
        raise UnreadableCatalogItem(reason) from None
    except ValueError as error:
        raise UnreadableCatalogItem(str(error).replace("`", "")[:REASON_LENGTH_MAX]) from None
    if key != item.item_id.encode():
        reason = "the key is not the item_id"
        raise UnreadableCatalogItem(reason)
    return item


async def latest_catalog_item(item_id: str, settings: Settings) -> CatalogItem | None:
    """Return what the catalog says of an item, None if it says nothing.

    Raises:
        LogReadError: Kafka or the topic is not there.
        UnreadableCatalogItem: The item's record is something else.
    """
    latest: bytes | None = None
    async for value in records_of(topic_names(settings).catalog, item_id, settings):
        latest = value
    return None if latest is None else read_catalog_item(item_id.encode(), latest)


async def titles_of(item_ids: Collection[str], settings: Settings) -> dict[str, str]:
    """Return the titles of some items, those that the catalog tells.

    None are told where the topic cannot be read, or holds so much that it would take long: they are an extra.
    """
    values: dict[bytes, bytes | None] = {item_id.encode(): None for item_id in item_ids}
    try:
        async with reader(settings.kafka.brokers, settings.kafka.timeout_s) as consumer:
            spans = await spans_of(consumer, await partitions_of(consumer, topic_names(settings).catalog))
            if sum(span.end - span.start for span in spans.values()) > TITLES_RECORDS_MAX:
                return {}
            ends = {tp: span.end for tp, span in spans.items()}
            async for _, records in read_span(consumer, ends, {}, settings.kafka.timeout_s):
                values |= {record.key: record.value for record in records if record.key in values}
    except LogReadError:
        return {}
    return dict(_titles(values))


def _titles(values: dict[bytes, bytes | None]) -> list[tuple[str, str]]:
    titles = []
    for key, value in values.items():
        try:
            item = read_catalog_item(key, value or b"")
        except UnreadableCatalogItem:
            continue
        if item.title:
            titles.append((item.item_id, item.title))
    return titles
