"""Whether the plays of a file stand in the order of their times."""

import itertools
from collections.abc import Callable
from typing import ClassVar

from streams.files.column_rules import read_column
from streams.files.errors import PlaysFileError
from streams.files.play_columns import rules_with
from streams.files.play_tables import OPTIONS, FileColumns
from streams.files.plays_file import PlaysFile, tables_of


class _TimeColumns(FileColumns, frozen=True, kw_only=True):
    """The column that decides the order."""

    noun: ClassVar[str] = "play"
    options: ClassVar[dict[str, str]] = {"played_at": OPTIONS["played_at"]}
    sets_aside: ClassVar[bool] = True

    played_at: str


def is_in_order(plays: PlaysFile, on_progress: Callable[[int], None] = lambda _: None) -> bool:
    """Return whether no play of a file is earlier than the one before it, as far as the file can be read.

    A row without a time that can be read is passed: it is set aside when the file is sent.

    Args:
        plays: The file.
        on_progress: Called with the number of rows that were read.
    """
    latest_ms, rule = 0, rules_with(plays.times)["played_at"]
    columns = _TimeColumns(played_at=plays.columns.played_at)
    try:
        for row, table in tables_of(plays.path, columns):
            read = read_column(table, "played_at", rule, row, plays.path, {})
            times = [latest_ms, *(time for time in read if time is not None)]
            if any(later < earlier for earlier, later in itertools.pairwise(times)):
                return False
            latest_ms = times[-1]
            on_progress(row + len(table) - 1)
    except PlaysFileError:
        pass  # the plays before the error are sent, and sending them reports the error
    return True
