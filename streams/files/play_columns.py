"""Checks the columns of a file of plays: the plays, the private ones, and the wrong rows."""

import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from streams.files.column_rules import ColumnRule, describe_misfit, read_column, show_value
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
from streams.files.errors import PlaysFileError
from streams.files.faults import FAULT, LINE, faults_of
from streams.files.plays_piece import LEFT_OUT, PlaysPiece
from streams.files.times import LocalTimes
from streams.messages.events import WISHES

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
    for row in faults_of(table):
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


def _first_fault(table: pa.Table, first_row: int, path: Path, odd: _OddRows) -> str:
    """Return the sentence about the first row that does not fit."""
    row, field = min(odd.bad.items())
    if field == FAULT:
        return f"Row {first_row + row} of {path} is no play ({faults_of(table)[row].reason}): correct the line."
    shown = None if row in odd.hidden else show_value(table[field][row].as_py())
    return describe_misfit(path, first_row + row, field, RULES[field], shown)


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
    faults = faults_of(table)
    for row in sorted(odd.private | odd.bad.keys()):
        values["type"][row] = LEFT_OUT
        if row in odd.private:
            checks.on_private(first_row + row)
        elif checks.on_bad is not None:
            fault = faults.get(row)
            content = fault.line if fault else _content(table, row)
            reason = _reason(odd.bad[row], fault.reason if fault else "")
            checks.on_bad(first_row + row, reason, None if row in odd.hidden else content)
    times = values["played_at"]
    last = next((time for time in times if time is not None), EARLIEST_MS)
    for row, time in enumerate(times):
        last = times[row] = last if time is None else time


def _reason(field: str, fault: str) -> str:
    """Return the reason for which a row is set aside, one of few."""
    if field == FAULT:
        return f"rows that cannot be read: {_PLACE.sub('', fault)}"
    return f"rows whose {field} {RULES[field].mismatch}"


def _content(table: pa.Table, row: int) -> dict[str, object]:
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
