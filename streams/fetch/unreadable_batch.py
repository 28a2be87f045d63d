"""A batch of records that does not decode: its place, the reason and its bytes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeGuard, TypeVar

from aiokafka.structs import TopicPartition

Record = TypeVar("Record")


class UnreadableBatchError(ValueError):
    """A batch does not decode. Its records are needed, so the reader stops at it. Follow the message."""


@dataclass(frozen=True, slots=True)
class UnreadableBatch:
    """A batch in place of its records; a fetch returns it alone, without other records of its partition."""

    topic: str
    partition: int
    offset: int
    """The first offset that was not decoded."""
    last_offset: int
    """The last offset of the batch."""
    n_records: int | None
    """Records in the batch; None if the batch is damaged."""
    reason: str
    raw: bytes
    """The bytes of the batch as Kafka sent them."""
    timestamp: int
    """The greatest timestamp of its records, in milliseconds since 1970."""
    timestamp_type: int = 0
    key: None = None
    value: None = None

    @property
    def tp(self) -> TopicPartition:
        """Return its partition."""
        return TopicPartition(self.topic, self.partition)

    @property
    def n_offsets(self) -> int:
        """Return the number of its offsets, each of which may have been a record."""
        return self.last_offset - self.offset + 1

    @property
    def place(self) -> str:
        """Return its place in words."""
        return f"{self.topic}, partition {self.partition}, offsets {self.offset} to {self.last_offset}"

    def __str__(self) -> str:
        """Return a sentence with place and reason, and the way out."""
        return (
            f"{self.place}, cannot be read: {self.reason}. "
            "Let another replica lead the partition, or restore the topic from a backup."
        )


def is_unreadable(records: Sequence[object]) -> TypeGuard[Sequence[UnreadableBatch]]:
    """Return whether the records of a partition from one fetch are an unreadable batch."""
    return bool(records) and type(records[0]) is UnreadableBatch


def readable(records: Sequence[Record]) -> Sequence[Record]:
    """Return the records of a partition from one fetch.

    Raises:
        UnreadableBatchError: They are a batch that does not decode.
    """
    if is_unreadable(records):
        raise UnreadableBatchError(str(records[0]).rstrip("."))
    return records
