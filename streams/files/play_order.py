"""Whether the plays of a file stand in the order of their times."""

import itertools
from collections.abc import Callable
from typing import ClassVar

import pyarrow as pa

from streams.files.play_columns import PRIVATE, RULES, PlaysFileError, read_column, rules_with
from streams.files.play_tables import OPTIONS, FileColumns
from streams.files.plays_file import PlaysFile, tables_of


class _TimeColumns(FileColumns, frozen=True, kw_only=True):
    """The column that decides the order, and the one by which a row without a time is left out."""

    noun: ClassVar[str] = "play"
    options: ClassVar[dict[str, str]] = {"played_at": OPTIONS["played_at"]}
    flags: ClassVar[frozenset[str]] = frozenset({PRIVATE})

    played_at: str
    private: str


def is_in_order(
    plays: PlaysFile, on_progress: Callable[[int], None] = lambda _: None, *, passes_bad: bool = False
) -> bool:
    """Return whether no play of a file is earlier than the one before it, as far as the file can be read.

    Args:
        plays: The file.
        on_progress: Called with the number of rows that were read.
        passes_bad: Whether a time that cannot be read is passed; otherwise it ends the look. That of a private play is
            passed anyway, since the play is left out.
    """
    latest_ms, rule = 0, rules_with(plays.times)["played_at"]
    columns = _TimeColumns(played_at=plays.columns.played_at, private=plays.columns.private)
    try:
        for row, table in tables_of(plays.path, columns):
            bad: dict[int, str] = {}
            read = read_column(table, "played_at", rule, row, plays.path, bad)
            if bad and not passes_bad and not bad.keys() <= _private_rows(table, row, plays):
                return True  # the plays before it are sent, and sending them reports the error
            times = [latest_ms, *(time for time in read if time is not None)]
            if any(later < earlier for earlier, later in itertools.pairwise(times)):
                return False
            latest_ms = times[-1]
            on_progress(row + len(table) - 1)
    except PlaysFileError:
        pass  # the plays before the error are sent, and sending them reports the error
    return True


def _private_rows(table: pa.Table, first_row: int, plays: PlaysFile) -> set[int]:
    """Return the rows of a table that are left out because they are private, counted from 0."""
    if plays.learns_private:
        return set()
    flags = read_column(table, PRIVATE, RULES[PRIVATE], first_row, plays.path, {})
    return {row for row, is_private in enumerate(flags) if is_private}
