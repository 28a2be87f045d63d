"""The columns of a file of plays: from what stands in the file to what plays are made of, or the row that is wrong."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Meta

from streams.messages.events import Play
from streams.messages.records import DAY_MS

ID_LENGTH_MAX, TYPE_LENGTH_MAX = 128, 32
_TYPE = f"^[a-z][a-z0-9_-]{{0,{TYPE_LENGTH_MAX - 1}}}$"
# What the worker takes for plausible, so that a wrong time is told with its row instead of being rejected later.
_TIMES: Meta = get_type_hints(Play, include_extras=True)["played_at_ms"].__metadata__[0]
EARLIEST_MS, LATEST_MS = int(_TIMES.ge or 0), int(_TIMES.lt or 0) - 1
# Until the year 2099 epoch seconds stay below it, from the year 1973 on epoch milliseconds stay above it.
SECONDS_MAX = 1e11


class PlaysFileError(ValueError):
    """A file of plays or items cannot be read; the message names the column or the row. Mend it, or name the column."""


class PlaysPiece(NamedTuple):
    """Some plays of a file, as parallel lists."""

    first_row: int
    """Row of the first play in the file, counted from 1."""
    user_ids: list[str]
    item_ids: list[str]
    played_at_ms: list[int]
    ms_played: list[int | None]
    duration_ms: list[int | None]
    play_ids: list[str | None]
    types: list[str | None]
    """What each is, None for a play."""

    @property
    def n_plays(self) -> int:
        """Return the number of plays."""
        return len(self.user_ids)

    def part(self, start: int, stop: int) -> "PlaysPiece":
        """Return the plays from `start` up to, not including, `stop`, counted from 0 within the piece."""
        columns: tuple[list[Any], ...] = self[1:]
        return PlaysPiece(self.first_row + start, *(column[start:stop] for column in columns))


def to_ids(column: pa.Array) -> pa.Array:
    """Return ids as text; missing ones stay missing.

    Raises:
        ArrowInvalid: One is empty, too long, not UTF-8 or not printable.
    """
    ids = column.cast(pa.string())
    check_range(pc.utf8_length(ids), 1, ID_LENGTH_MAX)
    # Not Arrow's own test: its Unicode is of another version than that of Python, by which the worker decides.
    if not "".join(ids.drop_null().to_pylist()).isprintable():
        raise pa.ArrowInvalid
    return ids


def to_epoch_ms(column: pa.Array) -> pa.Array:
    """Return times as milliseconds since 1970; a Parquet timestamp without a zone is taken as UTC.

    Raises:
        ArrowInvalid: One is no time, or not a plausible one.
    """
    if pa.types.is_timestamp(column.type):
        times = column.cast(pa.timestamp("ms"), safe=False).cast(pa.int64())
    else:
        if pa.types.is_binary(column.type) or pa.types.is_dictionary(column.type):
            column = column.cast(pa.string())
        try:
            numbers = column.cast(pa.float64())
            scaled = pc.if_else(pc.less(pc.abs(numbers), SECONDS_MAX), pc.multiply(numbers, 1000.0), numbers)
            times = pc.round(scaled).cast(pa.int64())
        except pa.ArrowInvalid:
            moments = column.cast(pa.timestamp("ns", "UTC"))
            times = moments.cast(pa.timestamp("ms", "UTC"), safe=False).cast(pa.int64())
    check_range(times, EARLIEST_MS, LATEST_MS)
    return times


def to_durations(column: pa.Array) -> pa.Array:
    """Return durations in milliseconds; empty text is a missing one.

    Raises:
        ArrowInvalid: One is not a whole number, negative or longer than a day.
    """
    if pa.types.is_binary(column.type) or pa.types.is_string(column.type):
        column = without_empty(column.cast(pa.string())).cast(pa.float64())
    durations = column.cast(pa.int64())
    check_range(durations, 0, DAY_MS)
    return durations


def to_play_ids(column: pa.Array) -> pa.Array:
    """Return ids as text; an empty one is a missing one."""
    return to_ids(without_empty(column.cast(pa.string())))


def to_types(column: pa.Array) -> pa.Array:
    """Return types as text; an empty one is a missing one.

    Raises:
        ArrowInvalid: One has other characters than types have.
    """
    types = without_empty(column.cast(pa.string()))
    if not pc.all(pc.match_substring_regex(types.drop_null(), _TYPE)).as_py() and len(types.drop_null()):
        raise pa.ArrowInvalid
    return types


def without_empty(text: pa.Array) -> pa.Array:
    """Return texts, of which an empty one is a missing one."""
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)


class Rule(NamedTuple):
    """What a column holds."""

    convert: Callable[[pa.Array], pa.Array]
    needed: bool
    said: str


_ID = f"is no id of 1 to {ID_LENGTH_MAX} printable characters"
_YEARS = [datetime.fromtimestamp(ms / 1000, UTC).year for ms in (EARLIEST_MS, LATEST_MS)]
_TIME = f"is no time from {_YEARS[0]} to {_YEARS[1]}, in RFC 3339 with its zone or in epoch seconds or milliseconds"
_DURATION = "is no whole number of milliseconds of at most a day"
RULES = {
    "user_id": Rule(to_ids, needed=True, said=_ID),
    "item_id": Rule(to_ids, needed=True, said=_ID),
    "played_at": Rule(to_epoch_ms, needed=True, said=_TIME),
    "ms_played": Rule(to_durations, needed=False, said=_DURATION),
    "duration_ms": Rule(to_durations, needed=False, said=_DURATION),
    "play_id": Rule(to_play_ids, needed=False, said=_ID),
    "type": Rule(to_types, needed=False, said=f"is no type of 1 to {TYPE_LENGTH_MAX} small letters, digits, _ and -"),
}


def check_piece(table: pa.Table, first_row: int, path: Path) -> PlaysPiece:
    """Check every value of some rows.

    Args:
        table: Columns named as in `RULES`, of any type; those that are not needed may be missing.
        first_row: Row of the file that the table begins with.
        path: The file.

    Raises:
        PlaysFileError: A value is not what its column should hold.
    """
    return PlaysPiece(first_row, *(read_column(table, field, rule, first_row, path) for field, rule in RULES.items()))


def read_column(table: pa.Table, field: str, rule: Rule, first_row: int, path: Path) -> list[Any]:
    """Return what a column holds, a value a row, None for all where there is no such column.

    Raises:
        PlaysFileError: A value is not what the column should hold.
    """
    if field not in table.column_names:
        return [None] * len(table)
    column = pa.concat_arrays(table[field].chunks)
    try:
        return _convert(column, rule).to_pylist()  # type: ignore[no-any-return]
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        pass
    # Some row is wrong, or the rows are written in different ways: one by one then.
    values: list[Any] = []
    for row in range(len(column)):
        try:
            values += _convert(column.slice(row, 1), rule).to_pylist()
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            found = _show(column[row].as_py())
            message = f"Row {first_row + row} of {path}: {field} is {found}, which {rule.said}."
            raise PlaysFileError(message) from None
    return values


def _convert(column: pa.Array, rule: Rule) -> pa.Array:
    converted = rule.convert(column)
    if rule.needed and converted.null_count:
        raise pa.ArrowInvalid
    return converted


def check_range(numbers: pa.Array, low: int, high: int) -> None:
    """See that all numbers that are there lie between two.

    Raises:
        ArrowInvalid: One does not.
    """
    found = pc.min_max(numbers).as_py()
    if found["min"] is not None and not low <= found["min"] <= found["max"] <= high:
        raise pa.ArrowInvalid


def _show(value: object) -> str:
    if isinstance(value, bytes):
        value = value.decode(errors="backslashreplace")
    shown = "missing" if value is None else repr(value)
    return shown if len(shown) <= 80 else f"{shown[:80]}..."  # noqa: PLR2004 - as much as reads well
