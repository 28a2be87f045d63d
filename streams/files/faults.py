"""Rows of a file that cannot be read, as rows of a table: each with its reason and its text."""

from collections.abc import Mapping
from typing import NamedTuple

import pyarrow as pa

FAULT, LINE = "fault of the row", "the row as text"
"""Columns of a table with rows that cannot be read: the reason, and the row; missing for the others."""


class Fault(NamedTuple):
    """A row that cannot be read."""

    reason: str
    """One of few."""
    line: bytes | None
    """The row; None if it must not be reported."""


def with_faults(table: pa.Table, faults: Mapping[int, Fault]) -> pa.Table:
    """Return a table with the columns of `faults`, which are by row, counted from 0; the table itself without any."""
    if not faults:
        return table
    of_rows = [faults.get(row, Fault("", None)) for row in range(len(table))]
    table = table.append_column(FAULT, pa.array([fault.reason or None for fault in of_rows], pa.string()))
    return table.append_column(LINE, pa.array([fault.line for fault in of_rows], pa.binary()))


def faults_of(table: pa.Table) -> dict[int, Fault]:
    """Return the rows of a table that cannot be read, counted from 0."""
    if FAULT not in table.column_names:
        return {}
    pairs = zip(table[FAULT].to_pylist(), table[LINE].to_pylist(), strict=True)
    return {row: Fault(reason, line) for row, (reason, line) in enumerate(pairs) if reason is not None}
