"""Kafka's Fetch request and its answer, version 13, packed and unpacked by whole partitions.

aiokafka's schemas take a call for each field. A consumer of twelve partitions has two hundred fields in each fetch, and
a gateway or a worker fetches hundreds of times a second.
"""

from collections.abc import Iterable
from struct import Struct
from struct import error as StructError  # noqa: N812  it is a class
from typing import Any

ID_BYTES = 16
_HEAD = Struct(">iiiibii")  # replica, wait, least and most bytes, isolation, session and its epoch
_PARTITION = Struct(">iiqiqix")  # number, leader's epoch, offset, last epoch, start of the log, most bytes, no tags
_ANSWER = Struct(">ihi")  # throttle, error, session
_FETCHED = Struct(">ihqqq")  # number, error, high watermark, last stable offset, start of the log
_ABORTED = Struct(">qq")  # producer, first offset
_REPLICA = Struct(">i")
_USUAL = Struct(">ihqqqBi")  # `_FETCHED`, no aborted transactions or none known, and the replica
_NO_TAGS, _NO_FORGOTTEN_TOPICS = b"\x00", b"\x01"
VARINT_BITS_MAX = 28


def pack_varint(value: int) -> bytes:
    r"""Return an unsigned number in groups of seven bits, the lowest first.

    >>> pack_varint(5), pack_varint(300)
    (b'\x05', b'\xac\x02')
    """
    packed = bytearray()
    while value > 0x7F:  # noqa: PLR2004  seven bits
        packed.append(value & 0x7F | 0x80)
        value >>= 7
    packed.append(value)
    return bytes(packed)


def pack_request(head: Iterable[int], topics: Iterable[tuple[bytes, list[tuple[Any, ...]], Any]], rack: str) -> bytes:
    """Return a request.

    Args:
        head: The seven numbers before the topics.
        topics: The id of each topic, with its partitions; their tags are empty.
        rack: Name of the consumer's rack.
    """
    encoded, listed = rack.encode(), list(topics)
    parts = [_HEAD.pack(*head), pack_varint(len(listed) + 1)]
    for topic_id, partitions, _ in listed:
        parts += [topic_id, pack_varint(len(partitions) + 1)]
        parts += [_PARTITION.pack(*partition[:6]) for partition in partitions]
        parts.append(_NO_TAGS)
    return b"".join((*parts, _NO_FORGOTTEN_TOPICS, pack_varint(len(encoded) + 1), encoded, _NO_TAGS))


class AnswerBytes:
    """Reads an answer from its bytes, one field after another."""

    def __init__(self, content: memoryview, at: int) -> None:
        """Begin at a place."""
        self._content, self._at = content, at

    def read(self) -> tuple[Any, ...]:
        """Return the answer as aiokafka's schema does: throttle, error, session, topics and tags.

        Raises:
            ValueError: It is shorter than it says.
        """
        try:
            throttle_ms, error, session = self._unpack(_ANSWER)
            topics = [self._topic() for _ in range(self._varint() - 1)]
            return throttle_ms, error, session, topics, self._tags()
        except (IndexError, StructError) as fault:
            message = f"An answer to a fetch ends after {len(self._content)} bytes, before its last field."
            raise ValueError(message) from fault

    def _topic(self) -> tuple[Any, ...]:
        topic_id = self._bytes(ID_BYTES)
        partitions = [self._partition() for _ in range(self._varint() - 1)]
        return topic_id, partitions, self._tags()

    def _partition(self) -> tuple[Any, ...]:
        """Return a partition; nearly all have no aborted transactions and no tags, and take few steps."""
        *numbers, n_aborted, replica = _USUAL.unpack_from(self._content, self._at)
        if n_aborted > 1:
            return self._partition_with_aborted()
        self._at += _USUAL.size
        n_bytes = self._varint() - 1
        records = None if n_bytes < 0 else self._bytes(n_bytes) if n_bytes else b""
        return (*numbers, [] if n_aborted else None, replica, records, self._tags())

    def _partition_with_aborted(self) -> tuple[Any, ...]:
        numbers = self._unpack(_FETCHED)
        aborted = [(*self._unpack(_ABORTED), self._tags()) for _ in range(self._varint() - 1)]
        (replica,) = self._unpack(_REPLICA)
        n_bytes = self._varint() - 1
        return (*numbers, aborted, replica, None if n_bytes < 0 else self._bytes(n_bytes), self._tags())

    def _unpack(self, fields: Struct) -> tuple[Any, ...]:
        values = fields.unpack_from(self._content, self._at)
        self._at += fields.size
        return values

    def _bytes(self, n: int) -> bytes:
        value = bytes(self._content[self._at : self._at + n])
        if len(value) != n:
            raise IndexError(n)
        self._at += n
        return value

    def _varint(self) -> int:
        value = self._content[self._at]
        self._at += 1
        if value < 0x80:  # noqa: PLR2004  nearly always
            return value
        value, shift = value & 0x7F, 7
        while True:
            byte = self._content[self._at]
            self._at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:  # noqa: PLR2004
                return value
            shift += 7
            if shift > VARINT_BITS_MAX:
                message = "A length in an answer to a fetch has more than 32 bits."
                raise ValueError(message)

    def _tags(self) -> dict[int, bytes]:
        """Return the tagged fields, which newer brokers send."""
        tags: dict[int, bytes] = {}
        for _ in range(self._varint()):
            tag = self._varint()
            tags[tag] = self._bytes(self._varint())
        return tags
