"""Converts and checks the columns of a file; an error names the row."""

import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from streams.files.conversions import (
    EARLIEST_MS,
    ID_LENGTH_MAX,
    LATEST_MS,
    TYPE_LENGTH_MAX,
    to_durations,
    to_epoch_ms,
    to_flags,
    to_ids,
    to_play_ids,
    to_types,
)
from streams.files.times import LocalTimes
from streams.messages.events import WISHES


class PlaysFileError(ValueError):
    """A file of plays or items cannot be read. Correct the row that the message names, or name the column."""


class UnusableFileError(PlaysFileError):
    """A file is of a known kind that has no plays that can be read. The message names the file to fetch instead."""


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
    """Types of the signals, None for a play."""

    @property
    def n_plays(self) -> int:
        """Return the number of plays."""
        return len(self.user_ids)

    def part(self, start: int, stop: int) -> "PlaysPiece":
        """Return the plays from `start` up to, not including, `stop`, counted from 0 within the piece."""
        columns: tuple[list[Any], ...] = self[1:]
        return PlaysPiece(self.first_row + start, *(column[start:stop] for column in columns))


FAULT, LINE = "fault of the row", "the row as text"
"""Columns of a table with rows that could not be read: the reason, and the row; missing for the others."""
LEFT_OUT = "\0"
"""The type of a row that is not sent; no type of a file has this character."""
OnBadRow = Callable[[int, str, Any], None]
"""Called with the number of a row, counted from 1, the reason and its content; None if it must not be written."""


class Checks(NamedTuple):
    """The treatment of private plays, and of values that do not fit."""

    odd_hints: Counter[str] | None = None
    """Gets the number of hints that do not fit, by field. They count as missing."""
    times: LocalTimes | None = None
    """Reads times without a zone."""
    learns_private: bool = False
    """Whether private plays are plays like others."""
    on_bad: OnBadRow | None = None
    """Called with every row that has a value which does not fit. None: such a value is an error."""
    on_private: Callable[[int], object] = lambda _: None
    """Called with the number of every private play that is left out."""
    sends_requests: bool = False
    """Whether a row with the type of a user request is one; otherwise it is a player's event, and may be private."""


class _OddRows(NamedTuple):
    """Rows of a table that are no plays to send, counted from 0."""

    private: set[int]
    """The private plays."""
    bad: dict[int, str]
    """By row that is no private play, the first field whose value does not fit, or `FAULT`."""
    hidden: set[int]
    """The rows that are or may be private: none of their values is reported."""


class ColumnRule(NamedTuple):
    """The conversion of a column, and the predicate of its error message."""

    convert: Callable[[pa.Array], pa.Array]
    required: bool
    mismatch: str


_ID = f"is no id of 1 to {ID_LENGTH_MAX} printable characters"
_YEARS = [datetime.fromtimestamp(ms / 1000, UTC).year for ms in (EARLIEST_MS, LATEST_MS)]
_TIME = f"is no time from {_YEARS[0]} to {_YEARS[1]}, in RFC 3339 with its zone or in epoch seconds or milliseconds"
_DURATION = "is no whole number of milliseconds"
_PLACE = re.compile(r" \(byte \d+\)$")
"""The place of an error within a line of JSON."""
LENGTHS = ("ms_played", "duration_ms")
HINTS = (*LENGTHS, "play_id")
"""The fields of which a value that does not fit costs the value, and not the row."""
PRIVATE = "private"
RULES = {
    # The first column, so that a row is known to be private before a value of it is reported.
    PRIVATE: ColumnRule(to_flags, required=False, mismatch="is neither true nor false"),
    "user_id": ColumnRule(to_ids, required=True, mismatch=_ID),
    "item_id": ColumnRule(to_ids, required=True, mismatch=_ID),
    "played_at": ColumnRule(to_epoch_ms, required=True, mismatch=_TIME),
    "ms_played": ColumnRule(to_durations, required=False, mismatch=_DURATION),
    "duration_ms": ColumnRule(to_durations, required=False, mismatch=_DURATION),
    "play_id": ColumnRule(to_play_ids, required=False, mismatch=_ID),
    "type": ColumnRule(
        to_types, required=False, mismatch=f"is no type of 1 to {TYPE_LENGTH_MAX} small letters, digits, _ and -"
    ),
}


def rules_with(times: LocalTimes | None) -> dict[str, ColumnRule]:
    """Return the rules of columns under which a time may be local."""
    if times is None:
        return RULES
    rule = RULES["played_at"]._replace(convert=partial(to_epoch_ms, local=times))
    return RULES | {"played_at": rule}


def check_piece(table: pa.Table, first_row: int, path: Path, checks: Checks) -> PlaysPiece:
    """Check every value of some rows.

    Args:
        table: Columns named as in `RULES`, of any type; optional columns may be missing.
        first_row: Row of the file that the table begins with.
        path: The file.
        checks: The treatment of bad rows and of private plays. If they are left out, the piece has them with the type
            `LEFT_OUT`.

    Raises:
        PlaysFileError: A value of a row that is not left out does not fit its column.
    """
    bad: dict[int, str] = {}
    rules = dict(rules_with(checks.times))
    if checks.learns_private:
        rules = {field: rule for field, rule in rules.items() if field != PRIVATE}
    flags = read_column(table, PRIVATE, rules.pop(PRIVATE), first_row, path, bad) if PRIVATE in rules else []
    for row in _faults(table):
        bad.setdefault(row, FAULT)
    values = {
        field: read_column(table, field, rule, first_row, path, {} if field in HINTS else bad)
        for field, rule in rules.items()
    }
    odd = _odd_rows(flags, values["type"], bad, checks)
    if odd.bad and checks.on_bad is None:
        raise PlaysFileError(_first_fault(table, first_row, path, odd))
    if odd.private or odd.bad:
        _leave_out(table, first_row, odd, values, checks)
    if checks.odd_hints is not None:
        _count_odd(table, values, checks.odd_hints)
    return PlaysPiece(first_row, *values.values())


def _faults(table: pa.Table) -> dict[int, str]:
    """Return the reasons of the rows that could not be read."""
    if FAULT not in table.column_names:
        return {}
    return {row: reason for row, reason in enumerate(table[FAULT].to_pylist()) if reason is not None}


def _first_fault(table: pa.Table, first_row: int, path: Path, odd: _OddRows) -> str:
    """Return the sentence about the first row that does not fit."""
    row, field = min(odd.bad.items())
    if field == FAULT:
        return f"Row {first_row + row} of {path} is no play ({_faults(table)[row]}): correct the line."
    shown = None if row in odd.hidden else _show(table[field][row].as_py())
    return _misfit(path, first_row + row, field, RULES[field], shown)


def _odd_rows(flags: list[bool | None], types: list[str | None], bad: dict[int, str], checks: Checks) -> _OddRows:
    """Return the rows that are no plays to send.

    Args:
        flags: Whether a row is marked private, one a row; empty if marks do not matter.
        types: The types of the rows.
        bad: By row, the first field whose value does not fit.
        checks: Whether rows are user requests. A request that is marked private is a request.
    """
    marked = {row for row, is_private in enumerate(flags) if is_private}
    private = {row for row in marked if not (checks.sends_requests and types[row] in WISHES)}
    hidden = marked | {row for row, field in bad.items() if field == PRIVATE}
    return _OddRows(private, {row: field for row, field in bad.items() if row not in private}, hidden)


def _leave_out(table: pa.Table, first_row: int, odd: _OddRows, values: dict[str, list[Any]], checks: Checks) -> None:
    """Report private plays and bad rows, and give each the type `LEFT_OUT` and the time of a good row.

    The content of a row that may be private is not reported.
    """
    faults = _faults(table)
    for row in sorted(odd.private | odd.bad.keys()):
        values["type"][row] = LEFT_OUT
        if row in odd.private:
            checks.on_private(first_row + row)
        elif checks.on_bad is not None:
            content = None if row in odd.hidden else _content(table, row)
            checks.on_bad(first_row + row, _reason(odd.bad[row], faults.get(row, "")), content)
    times = values["played_at"]
    last = next((time for time in times if time is not None), EARLIEST_MS)
    for row, time in enumerate(times):
        last = times[row] = last if time is None else time


def _reason(field: str, fault: str) -> str:
    """Return the reason for which a row is set aside, one of few."""
    if field == FAULT:
        return f"rows that cannot be read: {_PLACE.sub('', fault)}"
    return f"rows whose {field} {RULES[field].mismatch}"


def _content(table: pa.Table, row: int) -> Any:
    if LINE in table.column_names and (line := table[LINE][row].as_py()) is not None:
        return line
    return {name: _plain(table[name][row].as_py()) for name in table.column_names if name not in {FAULT, LINE}}


def _count_odd(table: pa.Table, values: dict[str, list[Any]], odd_hints: Counter[str]) -> None:
    """Count the hints that are given and missing all the same, of rows that are not left out."""
    is_sent = [kind != LEFT_OUT for kind in values["type"]]
    for field in HINTS:
        if field in table.column_names:
            n_given = _n_given(table.select([field]).filter(pa.array(is_sent)), field)
            hints = zip(values[field], is_sent, strict=True)
            n_odd = n_given - sum(hint is not None and sent for hint, sent in hints)
            if n_odd:
                odd_hints[field] += n_odd


def _plain(value: object) -> object:
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else value


def _n_given(table: pa.Table, field: str) -> int:
    """Return the number of values in a column that are not missing and not empty."""
    column = table[field]
    if pa.types.is_binary(column.type) or pa.types.is_string(column.type):
        return int(pc.sum(pc.greater(pc.binary_length(column), 0)).as_py() or 0)
    return len(column) - int(column.null_count)


def read_column(
    table: pa.Table, field: str, rule: ColumnRule, first_row: int, path: Path, bad: dict[int, str] | None = None
) -> list[Any]:
    """Return the values of a column, one a row; all are None if the table has no such column.

    Args:
        table: Some rows.
        field: The column.
        rule: Its conversion.
        first_row: Row of the file that the table begins with.
        path: The file.
        bad: Gets the number of a row within the table whose value does not fit, and the field. None: it is an error.

    Raises:
        PlaysFileError: A value does not fit the column.
    """
    if field not in table.column_names:
        return [None] * len(table)
    column = pa.concat_arrays(table[field].chunks)
    try:
        return _convert(column, rule).to_pylist()  # type: ignore[no-any-return]
    except pa.ArrowException:
        pass
    # A row is wrong, or the rows have different formats: convert them one by one.
    values: list[Any] = []
    for row in range(len(column)):
        try:
            values += _convert(column.slice(row, 1), rule).to_pylist()
        except pa.ArrowException:
            if bad is not None:
                bad.setdefault(row, field)
                values.append(None)
                continue
            message = _misfit(path, first_row + row, field, rule, _show(column[row].as_py()))
            raise PlaysFileError(message) from None
    return values


def _convert(column: pa.Array, rule: ColumnRule) -> pa.Array:
    converted = rule.convert(column)
    if rule.required and converted.null_count:
        raise pa.ArrowInvalid
    return converted


def _misfit(path: Path, row: int, field: str, rule: ColumnRule, shown: str | None) -> str:
    """Return a sentence on a value that does not fit, without the value if it must not be shown."""
    return f"Row {row} of {path}: {field} {rule.mismatch if shown is None else f'is {shown}, which {rule.mismatch}'}."


def _show(value: object) -> str:
    if isinstance(value, bytes):
        value = value.decode(errors="backslashreplace")
    shown = "missing" if value is None else repr(value)
    return shown if len(shown) <= 80 else f"{shown[:80]}..."  # noqa: PLR2004 - as much as reads well
