"""The bytes of batches in a response: where each begins, whether it is intact, and where the next one begins."""

import struct
from typing import NamedTuple

from aiokafka.record.util import calc_crc32c

LENGTH = struct.Struct(">qi")
"""Base offset, and the length of the rest; all formats begin with both."""
HEADER = struct.Struct(">qiibIhiqqqhii")
"""The header of format 2: base offset, length, leader epoch, format, checksum, attributes, last offset delta, first and
greatest timestamp, producer id and epoch, base sequence, number of records."""
CHECKED_FROM = 21
"""The checksum covers all bytes behind itself."""
FORMAT = 2
DELTA_MAX = 1 << 20
"""Most offsets of a batch whose header is believed although its checksum is wrong."""
RECORDS_MAX = 1_000_000
"""Most records of a batch; librdkafka's own limit. A compressed batch may have many tiny ones."""
MAGIC = b"\x02"
MAGIC_AT = 16


class BatchHeader(NamedTuple):
    """The fields of a header that outlive the decoding of its records."""

    base_offset: int
    last_offset_delta: int
    max_timestamp: int
    attributes: int
    n_records: int

    @property
    def next_offset(self) -> int:
        """Return the offset after the batch."""
        return self.base_offset + self.last_offset_delta + 1


def read_header(raw: bytes) -> BatchHeader | None:
    """Read the header of a batch of format 2; None for another format or too few bytes."""
    if len(raw) < HEADER.size:
        return None
    base, _, _, batch_format, _, attributes, delta, _, max_timestamp, _, _, _, n_records = HEADER.unpack_from(raw)
    return BatchHeader(base, delta, max_timestamp, attributes, n_records) if batch_format == FORMAT else None


def is_intact(raw: bytes) -> bool:
    """Return whether a batch of format 2 has its declared length and its checksum."""
    if len(raw) < HEADER.size or raw[MAGIC_AT] != FORMAT or LENGTH.unpack_from(raw)[1] != len(raw) - LENGTH.size:
        return False
    return bool(HEADER.unpack_from(raw)[4] == calc_crc32c(raw[CHECKED_FROM:]))


def next_intact_offset(response: bytes, start: int, after: int) -> int | None:
    """Return the base offset of the first intact batch in a response, None without one.

    A damaged length moves all later boundaries, so every position with the format's byte is tried.

    Args:
        response: Consecutive batches.
        start: The first position to try.
        after: The base offset of the batch is greater.
    """
    at = response.find(MAGIC, start + MAGIC_AT)
    while at >= 0:
        begin = at - MAGIC_AT
        if begin + HEADER.size <= len(response):
            base, length = LENGTH.unpack_from(response, begin)
            end = begin + LENGTH.size + length
            if base > after and length > 0 and end <= len(response) and is_intact(response[begin:end]):
                return int(base)
        at = response.find(MAGIC, at + 1)
    return None


def offset_after(raw: bytes, later: int | None, position: int) -> int:
    """Return the offset at which to go on behind an unreadable batch.

    Args:
        raw: The bytes of the batch.
        later: The base offset of the next intact batch, if the response has one.
        position: The offset that was fetched; the result is greater.
    """
    header = read_header(raw)
    if header is not None and is_intact(raw):
        return max(header.next_offset, position + 1)
    if later is not None:
        return later
    if header is not None and 0 <= header.last_offset_delta < DELTA_MAX:
        return max(header.next_offset, position + 1)
    return position + 1
