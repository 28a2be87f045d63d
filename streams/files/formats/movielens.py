"""MovieLens: `u.data` (tabs), `ratings.dat` (`::`) and `ratings.csv`. Every rating is a play.

The titles stand in files beside them.
"""

import io
import re
from collections.abc import Iterator

from streams.files.formats.head import Head
from streams.files.formats.rows import (
    FILM,
    NO_TIME,
    UNREADABLE,
    ImportedPlay,
    ImportOptions,
    ItemNames,
    NoPlay,
    Row,
    checked,
    checked_names,
    latin_of,
)
from streams.files.formats.text_rows import csv_rows, split_rows
from streams.files.formats.times import number_ms

_HEADER = ["userid", "movieid", "rating", "timestamp"]
_RATING = r"[0-9](\.[0-9]+)?"
_LINE = {
    separator: re.compile(rf"^\d+{separator}\d+{separator}{_RATING}{separator}\d{{8,10}}$")
    for separator in ("\t", "::")
}


_NAMES_HEADER = ["movieid", "title", "genres"]
_NAMES_LINE = {
    "::": re.compile(r"^\d+::[^:].*::[^:]*$"),
    "|": re.compile(r"^\d+\|[^|]+\|[^|]*\|[^|]*\|[^|]*(\|[01]){19}$"),
}


def is_movielens(head: Head) -> bool:
    """Return whether a file is of this format."""
    return _separator(head) is not None


def _separator(head: Head) -> str | None:
    if head.columns(",") == _HEADER:
        return ","
    return next((separator for separator, line in _LINE.items() if line.match(head.first_line)), None)


def read_movielens(stream: io.BufferedReader, options: ImportOptions) -> Iterator[Row]:
    """Yield the ratings of a file as plays at the time of the rating; the stars are ignored."""
    del options
    separator = _separator(Head(stream.peek(1)))
    rows: Iterator[list[str] | NoPlay]
    if separator in {",", None}:
        rows = csv_rows(stream)
        next(rows, None)
    else:
        rows = split_rows(stream, str(separator))
    for row in rows:
        yield row if isinstance(row, NoPlay) else _row(row)


def is_movielens_names(head: Head) -> bool:
    """Return whether a file has the titles of the films: `movies.csv`, `movies.dat` or `u.item`."""
    return _names_separator(head) is not None


def _names_separator(head: Head) -> str | None:
    if head.columns(",") == _NAMES_HEADER:
        return ","
    return next((separator for separator, line in _NAMES_LINE.items() if line.match(head.first_line)), None)


def read_movielens_names(stream: io.BufferedReader, options: ImportOptions) -> Iterator[Row]:
    """Yield the titles of films; the older data sets are in Latin-1."""
    del options
    separator = _names_separator(Head(stream.peek(1)))
    rows: Iterator[list[str] | NoPlay]
    if separator in {",", None}:
        rows = csv_rows(stream)
        next(rows, None)
    else:
        rows = split_rows(stream, str(separator))
    for row in rows:
        yield row if isinstance(row, NoPlay) else _names(row)


def _names(fields: list[str]) -> Row:
    if len(fields) < len(_NAMES_HEADER):
        return NoPlay(UNREADABLE, ",".join(fields))
    return checked_names(ItemNames(fields[0].strip(), latin_of(fields[1].strip()), None, FILM), ",".join(fields))


def _row(fields: list[str]) -> Row:
    if len(fields) != len(_HEADER):
        return NoPlay(UNREADABLE, ",".join(fields))
    user_id, item_id, _, at_s = (field.strip() for field in fields)
    try:
        played_at_ms = number_ms(float(at_s))
    except ValueError:
        played_at_ms = None
    if played_at_ms is None:
        return NoPlay(NO_TIME, ",".join(fields))
    return checked(ImportedPlay(item_id, played_at_ms, user_id, kind=FILM), ",".join(fields))
