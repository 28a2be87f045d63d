"""Decodes an intact batch that aiokafka cannot decode, without the headers of its records."""

from collections.abc import Iterator

from aiokafka.record.default_records import _DefaultRecordPy
from aiokafka.record.util import decode_varint

from streams.fetch.batch_bytes import HEADER, RECORDS_MAX, is_intact, read_header
from streams.fetch.bounded_codecs import DECODERS

CODEC_MASK, LOG_APPEND_TIME_MASK = 0x07, 0x08
_DECODERS = (bytes, *(DECODERS[f"{name}_decode"] for name in ("gzip", "snappy", "lz4", "zstd")))


def lenient_records(raw: bytes) -> list[_DefaultRecordPy]:
    """Decode the records of a batch; empty if they cannot be decoded either.

    aiokafka refuses a whole batch for one header whose key is not UTF-8, which Kafka and other producers accept.
    """
    header = read_header(raw)
    if header is None or header.n_records > RECORDS_MAX or not is_intact(raw):
        return []
    try:
        body = bytearray(_DECODERS[header.attributes & CODEC_MASK](raw[HEADER.size :]))
        return list(_records(body, raw))
    except Exception:  # noqa: BLE001  each codec has errors of its own; the caller reports aiokafka's
        return []


def _records(body: bytearray, raw: bytes) -> Iterator[_DefaultRecordPy]:
    """Yield the records of a decompressed body.

    Raises:
        ValueError, IndexError: The body is no sequence of records.
    """
    base, *_, attributes, _, first_ms, max_ms, _, _, _, n_records = HEADER.unpack_from(raw)
    appended, at = attributes & LOG_APPEND_TIME_MASK, 0
    for _ in range(n_records):
        length, at = decode_varint(body, at)
        end, at = at + length, at + 1  # one byte of attributes
        delta_ms, at = decode_varint(body, at)
        offset_delta, at = decode_varint(body, at)
        key, at = _bytes(body, at)
        value, at = _bytes(body, at)
        if not at <= end <= len(body):
            message = "A record is longer than its batch."
            raise ValueError(message)
        timestamp = max_ms if appended else first_ms + delta_ms
        yield _DefaultRecordPy(base + offset_delta, timestamp, int(bool(appended)), key, value, [])
        at = end


def _bytes(body: bytearray, at: int) -> tuple[bytes | None, int]:
    """Read a field with its length before it."""
    length, at = decode_varint(body, at)
    return (None, at) if length < 0 else (bytes(body[at : at + length]), at + length)
