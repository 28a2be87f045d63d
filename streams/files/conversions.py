"""Conversions of columns: ids, times, durations, types and flags, with the limits of a record."""

from typing import get_type_hints

import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Meta

from streams.files.times import LocalTimes, moment_ms
from streams.messages.events import Play
from streams.messages.fields import DAY_MS

ID_LENGTH_MAX, TYPE_LENGTH_MAX = 128, 32
_TYPE = f"^[a-z][a-z0-9_-]{{0,{TYPE_LENGTH_MAX - 1}}}$"
# The worker rejects other times; here the error names the row.
_TIMES: Meta = get_type_hints(Play, include_extras=True)["played_at_ms"].__metadata__[0]
EARLIEST_MS, LATEST_MS = int(_TIMES.ge or 0), int(_TIMES.lt or 0) - 1
# Epoch seconds are below it until 2099; epoch milliseconds are above it from 1973 on.
SECONDS_MAX = 1e11
_TRUE, _FALSE = pa.array(["true", "1", "1.0"]), pa.array(["false", "0", "0.0", None])


def to_ids(column: pa.Array) -> pa.Array:
    """Return ids as text; missing ids stay missing.

    Raises:
        ArrowInvalid: An id is empty, too long, not UTF-8 or not printable.
    """
    ids = column.cast(pa.string())
    check_range(pc.utf8_length(ids), 1, ID_LENGTH_MAX)
    # Arrow's test uses another version of Unicode than Python, with which the worker decides.
    if not "".join(ids.drop_null().to_pylist()).isprintable():
        raise pa.ArrowInvalid
    return ids


def to_epoch_ms(column: pa.Array, local: LocalTimes | None = None) -> pa.Array:
    """Return times as milliseconds since 1970.

    Args:
        column: The times.
        local: Reads times without a zone, and counts them unless the column has an error. Left out, such a Parquet
            timestamp is UTC, and such a text an error.

    Raises:
        ArrowInvalid: A value is no time, or out of range.
    """
    if local is None:
        return _epoch_ms(column, None)
    with local.counted_unless_failed():
        return _epoch_ms(column, local)


def _epoch_ms(column: pa.Array, local: LocalTimes | None) -> pa.Array:
    if pa.types.is_timestamp(column.type) and (local is None or column.type.tz):
        times = column.cast(pa.timestamp("ms"), safe=False).cast(pa.int64())
    else:
        if pa.types.is_binary(column.type):
            column = column.cast(pa.string())
        try:
            numbers = _numbers(column)
            scaled = pc.if_else(pc.less(pc.abs(numbers), SECONDS_MAX), pc.multiply(numbers, 1000.0), numbers)
            times = pc.round(scaled).cast(pa.int64())
        except pa.ArrowInvalid:
            times = _moments(column, local)
    check_range(times, EARLIEST_MS, LATEST_MS)
    return times


def _numbers(column: pa.Array) -> pa.Array:
    if pa.types.is_timestamp(column.type):
        raise pa.ArrowInvalid
    return column.cast(pa.float64())


def _moments(column: pa.Array, local: LocalTimes | None) -> pa.Array:
    try:
        moments = column.cast(pa.timestamp("ns", "UTC"))
        if local is None or not pa.types.is_timestamp(column.type):
            return moments.cast(pa.timestamp("ms", "UTC"), safe=False).cast(pa.int64())
    except pa.ArrowInvalid:
        if local is None:
            raise
    texts = column.cast(pa.string()).to_pylist()
    times = [None if text is None else moment_ms(text, local) for text in texts]
    if any(time is None for time, text in zip(times, texts, strict=True) if text is not None):
        raise pa.ArrowInvalid
    return pa.array(times, pa.int64())


def to_durations(column: pa.Array) -> pa.Array:
    """Return durations in milliseconds; an empty text, a negative one and one longer than a day are missing.

    Raises:
        ArrowInvalid: A duration is no whole number.
    """
    if pa.types.is_binary(column.type) or pa.types.is_string(column.type):
        column = without_empty(column.cast(pa.string())).cast(pa.float64())
    if pa.types.is_boolean(column.type) or pa.types.is_temporal(column.type):
        raise pa.ArrowInvalid
    durations = column.cast(pa.int64())
    can_be = pc.and_(pc.greater_equal(durations, 0), pc.less_equal(durations, DAY_MS))
    return pc.if_else(can_be, durations, pa.scalar(None, pa.int64()))


def to_play_ids(column: pa.Array) -> pa.Array:
    """Return ids as text; an empty id is missing."""
    return to_ids(without_empty(column.cast(pa.string())))


def to_types(column: pa.Array) -> pa.Array:
    """Return types as text; an empty type is missing.

    Raises:
        ArrowInvalid: A type has a character that types cannot have.
    """
    types = without_empty(column.cast(pa.string()))
    if not pc.all(pc.match_substring_regex(types.drop_null(), _TYPE)).as_py() and len(types.drop_null()):
        raise pa.ArrowInvalid
    return types


def to_flags(column: pa.Array) -> pa.Array:
    """Return flags; an empty text is missing. Letter case does not matter.

    Raises:
        ArrowInvalid: A value spells neither true nor false.
    """
    if pa.types.is_boolean(column.type):
        return column
    if pa.types.is_floating(column.type):
        column = column.cast(pa.int64())
    words = pc.utf8_lower(without_empty(column.cast(pa.string())))
    is_true = pc.is_in(words, value_set=_TRUE)
    if not pc.all(pc.or_(is_true, pc.is_in(words, value_set=_FALSE)), min_count=0).as_py():
        raise pa.ArrowInvalid
    return is_true


def without_empty(text: pa.Array) -> pa.Array:
    """Return texts with empty texts as missing."""
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)


def check_range(numbers: pa.Array, low: int, high: int) -> None:
    """Check that all numbers are within a range; missing numbers are skipped.

    Raises:
        ArrowInvalid: A number is out of range.
    """
    span = pc.min_max(numbers).as_py()
    if span["min"] is not None and not low <= span["min"] <= span["max"] <= high:
        raise pa.ArrowInvalid
