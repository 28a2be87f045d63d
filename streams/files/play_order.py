"""Whether the plays of a file stand in the order of their times."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import pyarrow as pa

from streams.files.play_columns import ColumnRule, PlaysFileError, read_column, rules_with
from streams.files.play_tables import OPTIONS, FileColumns
from streams.files.plays_file import PlaysFile, tables_of


class _TimeColumn(FileColumns, frozen=True, kw_only=True):
    """The only column that decides the order."""

    noun: ClassVar[str] = "play"
    options: ClassVar[dict[str, str]] = {"played_at": OPTIONS["played_at"]}

    played_at: str


def is_in_order(
    plays: PlaysFile, on_progress: Callable[[int], None] = lambda _: None, *, passes_bad: bool = False
) -> bool:
    """Return whether no play of a file is earlier than the one before it, as far as the file can be read.

    Args:
        plays: The file.
        on_progress: Called with the number of rows that were read.
        passes_bad: Whether a time that cannot be read is passed; otherwise it ends the look.
    """
    bad: dict[int, str] | None = {} if passes_bad else None
    latest_ms, rule = 0, rules_with(plays.times)["played_at"]
    try:
        for row, table in tables_of(plays.path, _TimeColumn(played_at=plays.columns.played_at)):
            times = [latest_ms, *_times(table, rule, row, plays.path, bad)]
            if any(later < earlier for earlier, later in itertools.pairwise(times)):
                return False
            latest_ms = times[-1]
            on_progress(row + len(table) - 1)
    except PlaysFileError:
        pass  # the plays before the error are sent, and sending them reports the error
    return True


def _times(table: pa.Table, rule: ColumnRule, row: int, path: Path, bad: dict[int, str] | None) -> Iterator[int]:
    return (time for time in read_column(table, "played_at", rule, row, path, bad) if time is not None)
