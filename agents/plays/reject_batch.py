"""Records and batches of plays that cannot be read, as records for the topic of rejected plays."""

import re
from collections.abc import Iterator

import msgspec

from streams.consumer.slices import Record
from streams.fetch.unreadable_batch import UnreadableBatch
from streams.messages.records import RejectedPlay
from streams.outbox import Item

PART_BYTES_MAX = 600_000
"""Bytes of a batch in one reject: in base64 they fit a batch of 1 MiB, the least that a topic takes."""
_NO = rb"""(?!["'\\\s]*(?:false|null|none|0)\b)"""
_MARK = re.compile(
    rb"""["']private\\*["']\s*:%b|<private>%b|(?:^|&)private=%b|\xa7private\xc3|gprivate\xf5""" % (_NO, _NO, _NO),
    re.IGNORECASE,
)
"""The name of the field and a value that does not deny it: in JSON, JSON inside of a JSON text, Python, XML, a form,
MessagePack or CBOR."""


def shows_private(content: bytes) -> bool:
    r"""Return whether bytes that are no event show a private play. They may be in UTF-16, too.

    >>> [shows_private(value) for value in (rb'"{\"private\":true}"', b"{'private': True}", b'{"private": false}')]
    [True, True, False]
    """
    return _MARK.search(content.replace(b"\x00", b"")) is not None


def reject_record(topic: str, partition: int, record: Record, reason: str) -> Item:
    """Return the reject of a record; of a private one only the offset is written."""
    key, value = record.key, record.value
    if value is not None and shows_private(value):
        key = value = None
        reason = "a private play is unreadable; its content stays in the topic of plays alone"
    rejected = RejectedPlay(topic=topic, partition=partition, offset=record.offset, reason=reason, key=key, value=value)
    return key or b"", msgspec.json.encode(rejected)


def reject_batch(batch: UnreadableBatch) -> Iterator[Item]:
    """Yield the rejects of a batch, its bytes in as many parts as needed.

    The bytes are left out if they show a private play.
    """
    if shows_private(batch.raw):
        yield _reject(
            batch, f"{batch.reason}; its bytes show a private play and stay in the topic of plays alone", None
        )
        return
    starts = range(0, len(batch.raw), PART_BYTES_MAX)
    for number, start in enumerate(starts, 1):
        part = f"; part {number} of {len(starts)} of its bytes" if len(starts) > 1 else ""
        yield _reject(batch, batch.reason + part, batch.raw[start : start + PART_BYTES_MAX])


def _reject(batch: UnreadableBatch, reason: str, value: bytes | None) -> Item:
    n_records = "" if batch.n_records is None else f" of {batch.n_records} records"
    rejected = RejectedPlay(
        topic=batch.topic,
        partition=batch.partition,
        offset=batch.offset,
        reason=f"a batch{n_records} cannot be read: {reason}",
        key=None,
        value=value,
        last_offset=batch.last_offset,
    )
    return b"", msgspec.json.encode(rejected)
