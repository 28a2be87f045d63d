"""Batches of records as Kafka sends them, and damaged ones."""

import struct
from collections.abc import Sequence

from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

CRC_AT, CHECKED_FROM, ATTRIBUTES_AT, BODY_AT = 17, 21, 22, 61
CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
Headers = list[tuple[str, bytes]]


def batch(base: int, values: Sequence[bytes], codec: str = "none", headers: Headers | None = None) -> bytes:
    """Return a batch of records with consecutive offsets and the key `k`."""
    builder = DefaultRecordBatchBuilder(2, CODECS[codec], 0, -1, -1, -1, 4 << 20)
    for number, value in enumerate(values):
        assert builder.append(number, 1000 + number, b"k", value, headers or []) is not None
    raw = bytearray(builder.build())
    struct.pack_into(">q", raw, 0, base)
    return bytes(raw)


def with_checksum(raw: bytes) -> bytes:
    """Return a batch with the checksum of its bytes."""
    mended = bytearray(raw)
    struct.pack_into(">I", mended, CRC_AT, calc_crc32c(bytes(mended[CHECKED_FROM:])))
    return bytes(mended)


def with_unknown_codec(raw: bytes) -> bytes:
    """Return an intact batch of a codec that nobody knows."""
    changed = bytearray(raw)
    changed[ATTRIBUTES_AT] = changed[ATTRIBUTES_AT] & ~7 | 6
    return with_checksum(bytes(changed))


def with_flipped_byte(raw: bytes, at: int = BODY_AT) -> bytes:
    """Return a batch with a flipped byte, whose checksum is wrong if the checksum covers the byte."""
    changed = bytearray(raw)
    changed[at] ^= 0xFF
    return bytes(changed)
