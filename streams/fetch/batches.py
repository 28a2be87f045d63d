"""Replaces aiokafka's decoder of a fetch: a batch that does not decode is a value, not an error.

aiokafka raises an error at such a batch, drops the records that it has taken from other partitions for the same call,
although their positions have moved, and raises it again at every later call.
Importing this module changes all consumers of the process.
"""

import re
from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition

from streams.fetch import bounded_codecs
from streams.fetch.batch_bytes import (
    FORMAT,
    LENGTH,
    MAGIC_AT,
    N_RECORDS,
    N_RECORDS_AT,
    RECORDS_MAX,
    is_intact,
    next_intact_offset,
    offset_after,
    read_header,
)
from streams.fetch.lenient_records import lenient_records
from streams.fetch.unreadable_batch import UnreadableBatch

ERROR_CLASS = re.compile(r"^(\[Error -?\d+\] )?\w+(Error|Exception): ")
"""The beginning of the text of aiokafka's errors."""
REASON_MAX = 200
"""Most characters of a reason."""


class Response:
    """The batches of a partition in a response, and the bytes of the latest one.

    Kafka sends at least one whole batch, so a first batch that is longer than the response is damaged. aiokafka takes
    it for a batch beyond the limit of a fetch and skips one offset.
    """

    def __init__(self, data: bytes) -> None:
        """Read from the bytes of a response."""
        self.data = data
        self.begin = self.end = 0
        """The positions of the latest batch in `data`."""
        self._batches = MemoryRecords(data)

    def size_in_bytes(self) -> int:
        """Return the number of bytes."""
        return len(self.data)

    def has_next(self) -> bool:
        """Return whether there is another batch."""
        return self._batches.has_next() or (self.end == 0 and len(self.data) > 0)

    def next_batch(self) -> Any:
        """Return the next batch.

        Raises:
            CorruptRecordException: Its length cannot be right, or it has too many records.
        """
        if not self._batches.has_next():
            self.end = len(self.data)
            message = f"the length of the batch is wrong: Kafka sent {len(self.data)} bytes"
            raise CorruptRecordException(message)
        self.begin = self.end
        length = LENGTH.unpack_from(self.data, self.begin)[1]
        self.end = self.begin + LENGTH.size + max(length, 0)
        if length > N_RECORDS_AT and self.data[self.begin + MAGIC_AT] == FORMAT:
            n_records = N_RECORDS.unpack_from(self.data, self.begin + N_RECORDS_AT)[0]
            if n_records > RECORDS_MAX:
                message = f"it has {n_records:,} records, more than {RECORDS_MAX:,}"
                raise CorruptRecordException(message)
        return self._batches.next_batch()


class ReadableRecords(fetcher.PartitionRecords):
    """Yields the records of a fetch up to a batch that does not decode; such a batch comes first and alone."""

    _records: Response

    def __iter__(self) -> Iterator[Any]:
        """Return the generator itself, which saves a call per record."""
        return self._records_iterator or iter(())

    def _unpack_records(self) -> Iterator[Any]:
        position = self.next_fetch_offset
        try:
            yield from super()._unpack_records()
        except Exception as error:  # noqa: BLE001  each codec has errors of its own
            if self.next_fetch_offset == position:  # otherwise the next fetch begins with this batch
                yield from self._recover(position, error)

    def _recover(self, position: int, error: Exception) -> Iterator[Any]:
        """Yield the records of the failed batch if they decode without headers, else the unreadable batch."""
        response = self._records
        raw = bytes(response.data[response.begin : response.end])
        later = None if is_intact(raw) else next_intact_offset(response.data, response.begin + 1, position)
        after = offset_after(raw, later, position)
        records = [record for record in self._without_headers(raw, error) if record.offset >= position]
        self.next_fetch_offset = after
        if records:
            yield from (self._consumer_record(self._tp, record) for record in records)
        else:
            yield _unreadable(self._tp, raw, position, after, error)

    @staticmethod
    def _without_headers(raw: bytes, error: Exception) -> list[Any]:
        """Decode the records of a batch if its error is the key of a header; empty otherwise."""
        is_text = isinstance(error, UnicodeDecodeError) or isinstance(error.__cause__, UnicodeDecodeError)
        return lenient_records(raw) if is_text else []


def _unreadable(tp: TopicPartition, raw: bytes, position: int, after: int, error: Exception) -> UnreadableBatch:
    header = read_header(raw)
    return UnreadableBatch(
        topic=tp.topic,
        partition=tp.partition,
        offset=position,
        last_offset=after - 1,
        n_records=header.n_records if header is not None and is_intact(raw) else None,
        reason=_reason(error),
        raw=raw,
        timestamp=header.max_timestamp if header is not None and is_intact(raw) else 0,
    )


def _reason(error: Exception) -> str:
    """Return the reason of an error without the name of aiokafka's class."""
    text = ERROR_CLASS.sub("", str(error)).strip()
    if text.startswith("Invalid CRC"):
        text = "the checksum is wrong"
    return text[:REASON_MAX] or type(error).__name__


bounded_codecs.install()
fetcher.MemoryRecords = Response
fetcher.PartitionRecords = ReadableRecords
