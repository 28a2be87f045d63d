"""Decompresses batches within a bound: a batch of a megabyte may hold gigabytes of zeros."""

import sys
from collections.abc import Callable, Mapping
from typing import Any

import cramjam
from aiokafka import codec
from aiokafka.record.default_records import DefaultRecordBatch

DECODED_BYTES_MAX = 256 << 20
"""Most bytes of a batch when it is decompressed; the largest batch of plays of 4 KiB is far below."""
USUAL_BYTES, USUAL_RATIO = 4096, 16
BUFFER_IS_FULL = "failed to write whole buffer"
"""The error of cramjam for output that does not fit."""
Decode = Callable[[Any], bytes]


class TooLargeBatchError(ValueError):
    """A batch is larger than `DECODED_BYTES_MAX` when it is decompressed. Ask its producer for smaller batches."""

    def __init__(self) -> None:
        """Name the bound."""
        super().__init__(f"it has more than {DECODED_BYTES_MAX >> 20} MiB when it is decompressed")


def _bounded(decompress_into: Callable[[Any, Any], int]) -> Decode:
    """Return a decoder that tries a usual amount of memory first: the largest one costs 80 microseconds to get."""

    def decode(payload: Any) -> bytes:
        import numpy as np  # noqa: PLC0415  a reader of uncompressed topics starts without it

        usual = min(USUAL_BYTES + USUAL_RATIO * len(payload), DECODED_BYTES_MAX)
        for n_bytes_max in (usual, DECODED_BYTES_MAX):
            room = np.empty(n_bytes_max, np.uint8)
            try:
                return room[: decompress_into(payload, room)].tobytes()
            except cramjam.DecompressionError as error:
                if str(error) != BUFFER_IS_FULL:
                    raise
        raise TooLargeBatchError

    return decode


def _snappy(payload: Any) -> bytes:
    """Decode raw blocks of a declared length, or a stream of xerial's blocks, which aiokafka reads."""
    raw = bytes(payload)
    if not codec._detect_xerial_stream(raw) and cramjam.snappy.decompress_raw_len(raw) > DECODED_BYTES_MAX:  # noqa: SLF001
        raise TooLargeBatchError
    decoded: bytes = codec.snappy_decode(raw)
    return decoded


DECODERS: Mapping[str, Decode] = {
    "gzip_decode": _bounded(cramjam.gzip.decompress_into),
    "snappy_decode": _snappy,
    "lz4_decode": _bounded(cramjam.lz4.decompress_into),
    "zstd_decode": _bounded(cramjam.zstd.decompress_into),
}
"""By the names under which aiokafka's decoder of batches calls them."""


def install() -> None:
    """Replace the decoders of aiokafka in this process."""
    for name, decode in DECODERS.items():
        setattr(sys.modules[DefaultRecordBatch.__module__], name, decode)
