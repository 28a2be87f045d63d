"""Converts a column of a file by its rule; an error names the row."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from streams.files.errors import PlaysFileError


class ColumnRule(NamedTuple):
    """The conversion of a column, and the predicate of its error message."""

    convert: Callable[[pa.Array], pa.Array]
    required: bool
    mismatch: str


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
            message = describe_misfit(path, first_row + row, field, rule, show_value(column[row].as_py()))
            raise PlaysFileError(message) from None
    return values


def _convert(column: pa.Array, rule: ColumnRule) -> pa.Array:
    converted = rule.convert(column)
    if rule.required and converted.null_count:
        raise pa.ArrowInvalid
    return converted


def describe_misfit(path: Path, row: int, field: str, rule: ColumnRule, shown: str | None) -> str:
    """Return a sentence on a value that does not fit, without the value if it must not be shown."""
    return f"Row {row} of {path}: {field} {rule.mismatch if shown is None else f'is {shown}, which {rule.mismatch}'}."


def show_value(value: object) -> str:
    """Return a value as an error shows it, cut if it is long."""
    if isinstance(value, bytes):
        value = value.decode(errors="backslashreplace")
    shown = "missing" if value is None else repr(value)
    return shown if len(shown) <= 80 else f"{shown[:80]}..."  # noqa: PLR2004 - as much as reads well
