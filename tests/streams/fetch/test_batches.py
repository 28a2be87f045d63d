"""Batches that decode, and batches that do not, as fetches return them."""

import struct
from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka.consumer import fetcher
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from aiokafka.structs import TopicPartition

from streams.fetch import bounded_codecs
from streams.fetch.batches import ReadableRecords, Response
from streams.fetch.unreadable_batch import UnreadableBatch
from tests.support.batches import CODECS, batch, with_checksum, with_flipped_byte, with_unknown_codec

TP = TopicPartition("plays", 2)
VALUES = [b"one", b"two", b"three"]
READ_COMMITTED = 1
LENGTH_AT, EPOCH_AT, MAGIC_AT, LAST_DELTA_AT = 8, 12, 16, 23


def fetches(*batches: bytes, start: int = 0) -> list[list[Any]]:
    """Return the records of fetches until all batches of three records are read; Kafka sends whole batches."""
    fetched, position = list[list[Any]](), start
    while position < 3 * len(batches):
        response = Response(b"".join(batches[position // 3 :]))
        records = ReadableRecords(TP, response, [], position, None, None, True, READ_COMMITTED)  # noqa: FBT003
        fetched.append(list(records))
        assert records.next_fetch_offset > position
        position = records.next_fetch_offset
    return fetched


def values(records: Sequence[Any]) -> list[bytes | None]:
    """Return the values of records."""
    return [record.value for record in records]


def test_aiokafka_uses_them() -> None:
    """A new version of aiokafka that looks them up elsewhere fails here."""
    assert fetcher.MemoryRecords is Response
    assert issubclass(fetcher.PartitionRecords, ReadableRecords)


@pytest.mark.parametrize("codec", CODECS)
def test_a_batch_of_every_codec_decodes(codec: str) -> None:
    """Snappy, lz4 and zstd by cramjam."""
    (records,) = fetches(batch(0, VALUES, codec))

    assert VALUES == values(records)


@pytest.mark.parametrize("batch_format", [0, 1])
@pytest.mark.parametrize("codec", [0, 1, 2])
def test_a_batch_of_an_old_format_decodes(batch_format: int, codec: int) -> None:
    """A topic may be older than the brokers are now; these formats have no header of a batch."""
    builder = LegacyRecordBatchBuilder(batch_format, codec, 1 << 20)
    for number, value in enumerate(VALUES):
        builder.append(number, 1000 + number, b"k", value)

    raw = bytearray(builder.build())
    if codec:
        struct.pack_into(">q", raw, 0, 2)  # a compressed batch has the offset of its last record

    (records,) = fetches(bytes(raw))

    assert VALUES == values(records)


def test_records_before_the_position_are_left_out() -> None:
    """Kafka sends whole batches."""
    (records,) = fetches(batch(0, VALUES, "zstd"), start=2)

    assert [b"three"] == values(records)


@pytest.mark.parametrize(
    ("raw", "n_records", "reason"),
    [
        (with_unknown_codec(batch(3, VALUES)), 3, "Unknown compression codec 0x06"),
        (with_flipped_byte(batch(3, VALUES)), None, "the checksum is wrong"),
        (with_checksum(with_flipped_byte(batch(3, VALUES, "snappy"), 70)), 3, "snappy: corrupt input"),
        (with_checksum(with_flipped_byte(batch(3, VALUES, "lz4"))), 3, "lz4: "),
        (with_checksum(with_flipped_byte(batch(3, VALUES, "zstd"))), 3, "Unknown frame descriptor"),
        (with_checksum(with_flipped_byte(batch(3, VALUES, "gzip"))), 3, "invalid gzip header"),
        (with_checksum(with_flipped_byte(batch(3, VALUES))), 3, ""),
    ],
)
def test_a_batch_that_does_not_decode_comes_alone(raw: bytes, n_records: int | None, reason: str) -> None:
    """The records before it and behind it are read; it has its place, its reason and its bytes."""
    before, unreadable, after = fetches(batch(0, VALUES, "lz4"), raw, batch(6, VALUES))

    assert VALUES == values(before)
    assert VALUES == values(after)
    (records,) = unreadable
    assert isinstance(records, UnreadableBatch)
    assert records.reason.startswith(reason)
    assert raw == records.raw
    assert {"offset": 3, "last_offset": 5, "n_records": n_records} == {
        "offset": records.offset,
        "last_offset": records.last_offset,
        "n_records": records.n_records,
    }


@pytest.mark.parametrize("at", [8, 11, 16, 23, 26])
def test_a_damaged_header_costs_its_batch_alone(at: int) -> None:
    """Its length or its last offset points nowhere: the next batch with a right checksum goes on."""
    *damaged, whole = fetches(with_flipped_byte(batch(0, VALUES), at), batch(3, VALUES, "zstd"))

    assert VALUES == values(whole)
    assert {UnreadableBatch} == {type(record) for records in damaged for record in records}


def test_a_length_beyond_the_response_is_no_reason_to_skip_silently() -> None:
    """The library takes it for a batch that is larger than a fetch and moves on by one offset."""
    records = ReadableRecords(TP, Response(with_flipped_byte(batch(0, VALUES), 9)), [], 0, None, None, True, 0)  # noqa: FBT003

    (batch_of_wrong_length,) = list(records)

    assert "the length of the batch is wrong: Kafka sent 96 bytes" in batch_of_wrong_length.reason
    assert 3 == records.next_fetch_offset


def test_a_header_key_that_is_no_text_costs_nothing() -> None:
    """The library refuses the whole batch; librdkafka sends such keys, and Java reads them."""
    raw = batch(0, VALUES, headers=[("hä", b"x")]).replace("hä".encode(), b"h\xff\xfe")

    (records,) = fetches(with_checksum(raw))

    assert VALUES == values(records)
    assert [0, 1, 2] == [record.offset for record in records]
    assert [1000, 1001, 1002] == [record.timestamp for record in records]
    assert [TP.topic] * 3 == [getattr(record, "topic", TP.topic) for record in records]


def test_records_without_their_headers_are_taken_a_few_at_a_time() -> None:
    """The position follows the records that are handed out: after a seek back to it none is skipped."""
    raw = with_checksum(batch(0, VALUES, headers=[("hä", b"x")]).replace("hä".encode(), b"h\xff\xfe"))
    records = ReadableRecords(TP, Response(raw), [], 0, None, None, True, READ_COMMITTED)  # noqa: FBT003

    positions = [(record.offset, records.next_fetch_offset) for record in records]

    assert [(0, 1), (1, 2), (2, 3)] == positions
    assert 3 == records.next_fetch_offset


def test_the_records_of_a_batch_before_the_damaged_one_are_kept() -> None:
    """Of an intact batch, records up to the one that does not decode."""
    raw = bytearray(batch(0, [b"one", b"two", b"three"]))
    at = raw.index(b"three") - 1
    raw[at] = 0x7F  # the length of a value
    whole, (rest,) = fetches(with_checksum(bytes(raw)))

    assert [b"one", b"two"] == values(whole)
    assert isinstance(rest, UnreadableBatch)
    assert [2, 2] == [rest.offset, rest.last_offset]


def test_a_batch_of_gigabytes_is_unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is decompressed up to a bound, and the worker lives."""
    monkeypatch.setattr(bounded_codecs, "DECODED_BYTES_MAX", 1 << 20)
    for codec in ("gzip", "lz4", "zstd"):
        ((records,),) = fetches(batch(0, [b"", b"", bytes(1 << 20)], codec))
        assert "it has more than 1 MiB when it is decompressed" == records.reason


def test_a_batch_of_too_many_records_is_unreadable() -> None:
    """Each would be an object of the worker."""
    raw = bytearray(batch(0, VALUES))
    struct.pack_into(">i", raw, LAST_DELTA_AT, 2_000_000)

    ((records,),) = fetches(with_checksum(bytes(raw)))

    assert "it has more than 1,000,000 records" == records.reason


@pytest.mark.parametrize("codec", CODECS)
def test_no_flipped_byte_costs_more_than_its_batch(codec: str) -> None:
    """Wherever it is: the next batch is read. Base offset and leader epoch are not covered by the checksum."""
    raw, after = batch(0, VALUES, codec), batch(3, VALUES)
    for at in (*range(LENGTH_AT, EPOCH_AT), *range(MAGIC_AT, len(raw))):
        *_, whole = fetches(with_flipped_byte(raw, at), after)
        assert VALUES == values(whole), at
