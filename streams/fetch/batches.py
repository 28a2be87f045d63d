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
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition

from streams.fetch import bounded_codecs
from streams.fetch.batch_bytes import LENGTH, RECORDS_MAX, is_intact, next_intact_offset, offset_after, read_header
from streams.fetch.lenient_records import lenient_records
from streams.fetch.unreadable_batch import UnreadableBatch

ERROR_CLASS = re.compile(r"^(\[Error -?\d+\] )?\w+(Error|Exception): ")
"""The beginning of the text of aiokafka's errors."""
REASON_MAX = 200
"""Most characters of a reason."""


class Response(MemoryRecords):
    """The batches of a partition in a response, with its bytes.

    Kafka sends at least one whole batch, so a first batch that is longer than the response is damaged. aiokafka takes
    it for a batch beyond the limit of a fetch and skips one offset.
    """

    def __init__(self, data: bytes) -> None:
        """Read from the bytes of a response."""
        super().__init__(data)
        self.data = data
        if data and not super().has_next():
            self.__dict__.update(has_next=lambda: True, next_batch=self._refuse)

    def next_batch(self) -> Any:
        """Return the next batch.

        Raises:
            CorruptRecordException: It has too many records.
        """
        batch = super().next_batch()
        if type(batch) is DefaultRecordBatch and batch.next_offset - batch.base_offset > RECORDS_MAX:
            message = f"it has more than {RECORDS_MAX:,} records"
            raise CorruptRecordException(message)
        return batch

    def _refuse(self) -> Any:
        message = f"the length of the batch is wrong: Kafka sent {len(self.data)} bytes"
        raise CorruptRecordException(message)

    def first_batch(self) -> bytes:
        """Return the bytes of the first batch."""
        length = LENGTH.unpack_from(self.data)[1] if len(self.data) >= LENGTH.size else 0
        return bytes(self.data[: LENGTH.size + max(length, 0)])


class ReadableRecords(fetcher.PartitionRecords):
    """Yields the records of a fetch up to a batch that does not decode; such a batch comes first and alone.

    Kafka sends batches from the position on. So a batch that fails before the position has moved is the first one.
    """

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
        raw = self._records.first_batch()
        later = None if is_intact(raw) else next_intact_offset(self._records.data, 1, position)
        after = offset_after(raw, later, position)
        records = [record for record in self._without_headers(raw, error) if record.offset >= position]
        for record in records:
            self.next_fetch_offset = record.offset + 1  # a reader may take only some of them
            yield self._consumer_record(self._tp, record)
        self.next_fetch_offset = after
        if not records:
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
