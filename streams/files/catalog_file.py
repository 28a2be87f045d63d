"""Sends a file of items (CSV, JSON lines or Parquet) to the catalog; an item counts once Kafka acknowledged it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import ClassVar

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from streams.files.column_rules import ColumnRule, read_column
from streams.files.conversions import check_range, to_epoch_ms, to_ids, without_empty
from streams.files.play_tables import LIST_SEPARATOR, FileColumns
from streams.files.plays_file import tables_of
from streams.messages.records import CatalogItem
from streams.outbox import Item, Outbox, UnacknowledgedError
from streams.partitioning import partition_of
from streams.settings import Settings
from streams.topics.topics import topic_names

TEXT_LENGTH_MAX, WORD_LENGTH_MAX, TAGS_MAX = 512, 64, 32
_encode = msgspec.json.Encoder().encode


class CatalogLoadError(ConnectionError):
    """Items could not be sent. Load the file again when Kafka is back: items that were sent stay as they are."""


class CatalogColumns(FileColumns, frozen=True, kw_only=True):
    """The columns of a file of items."""

    noun: ClassVar[str] = "item"
    options: ClassVar[dict[str, str]] = {"item_id": "--item-column"}
    lists: ClassVar[frozenset[str]] = frozenset({"tags"})

    item_id: str = "item_id"
    title: str = "title"
    artist: str = "artist"
    kind: str = "kind"
    available_from: str = "available_from"
    available_until: str = "available_until"
    tags: str = "tags"


def to_texts(column: pa.Array) -> pa.Array:
    """Return texts with the limits of a title; an empty text is missing."""
    return _texts(column, TEXT_LENGTH_MAX)


def to_words(column: pa.Array) -> pa.Array:
    """Return texts with the limits of a kind; an empty text is missing."""
    return _texts(column, WORD_LENGTH_MAX)


def to_moments(column: pa.Array) -> pa.Array:
    """Return times as milliseconds since 1970; an empty text is missing."""
    if pa.types.is_binary(column.type) or pa.types.is_string(column.type):
        column = without_empty(column.cast(pa.string()))
    return to_epoch_ms(column)


def to_tags(column: pa.Array) -> pa.Array:
    """Return lists of words; a text separates them by `|`.

    Raises:
        ArrowInvalid: An item has too many tags, or a tag is too long.
    """
    if not (pa.types.is_list(column.type) or pa.types.is_large_list(column.type)):
        text = without_empty(column.cast(pa.string()))
        column = pc.split_pattern(text, LIST_SEPARATOR)
    check_range(pc.list_value_length(column), 0, TAGS_MAX)
    column = column.cast(pa.list_(pa.string()))
    check_range(pc.utf8_length(pc.list_flatten(column)), 1, WORD_LENGTH_MAX)
    return column


def _texts(column: pa.Array, length_max: int) -> pa.Array:
    texts = without_empty(column.cast(pa.string()))
    check_range(pc.utf8_length(texts), 1, length_max)
    return texts


_TEXT = f"is no text of at most {TEXT_LENGTH_MAX} characters"
_WORD = f"is no text of at most {WORD_LENGTH_MAX} characters"
_MOMENT = "is no time from 1990 to 2099, in RFC 3339 with its zone or in epoch seconds or milliseconds"
_TAGS = f"is no list of at most {TAGS_MAX} words of at most {WORD_LENGTH_MAX} characters, separated by {LIST_SEPARATOR}"
RULES = {
    "item_id": ColumnRule(to_ids, required=True, mismatch="is no id of 1 to 128 printable characters"),
    "title": ColumnRule(to_texts, required=False, mismatch=_TEXT),
    "artist": ColumnRule(to_texts, required=False, mismatch=_TEXT),
    "kind": ColumnRule(to_words, required=False, mismatch=_WORD),
    "available_from": ColumnRule(to_moments, required=False, mismatch=_MOMENT),
    "available_until": ColumnRule(to_moments, required=False, mismatch=_MOMENT),
    "tags": ColumnRule(to_tags, required=False, mismatch=_TAGS),
}


def read_items(path: Path, columns: CatalogColumns) -> Iterator[list[CatalogItem]]:
    """Read a file of items in pieces of bounded size.

    Raises:
        PlaysFileError: The file or a value in it cannot be read; the message names the row.
    """
    for first_row, table in tables_of(path, columns):
        values = [read_column(table, field, rule, first_row, path) for field, rule in RULES.items()]
        yield [
            CatalogItem(
                item_id=item_id,
                title=title,
                artist=artist,
                kind=kind,
                available_from_ms=from_ms,
                available_until_ms=until_ms,
                tags=tuple(tags or ()),
            )
            for item_id, title, artist, kind, from_ms, until_ms, tags in zip(*values, strict=True)
        ]


async def send_items(
    pieces: Iterator[list[CatalogItem]],
    outbox: Outbox,
    settings: Settings,
    expect: Callable[[int, int], object] = lambda *_: None,
) -> AsyncIterator[int]:
    """Send items to the catalog, keyed by their ids; yield the number of acknowledged items after each piece.

    Args:
        pieces: The items.
        outbox: A started outbox.
        settings: The topics, and how long Kafka may take.
        expect: Called with a partition and the offset of its last acknowledged record.

    Raises:
        CatalogLoadError: Kafka did not acknowledge in time.
    """
    topic, n_sent = topic_names(settings).catalog, 0
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        try:
            sent = {
                partition: await outbox.send(topic, partition, items)
                for partition, items in by_partition(piece, settings.topics.partitions).items()
            }
            for partition, pending in sent.items():
                expect(partition, (await pending.written()).last)
        except UnacknowledgedError as error:
            message = f"{error} Before these, {n_sent:,} items were written: load the file again when it answers."
            raise CatalogLoadError(message) from error
        n_sent += len(piece)
        yield n_sent


def by_partition(piece: list[CatalogItem], n_partitions: int) -> dict[int, list[Item]]:
    """Return the records of items by their partition of the catalog."""
    items: dict[int, list[Item]] = {}
    for item in piece:
        items.setdefault(partition_of(item.item_id, n_partitions), []).append((item.item_id.encode(), _encode(item)))
    return items
