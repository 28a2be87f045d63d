"""MovieLens: `u.data` (tabs), `ratings.dat` (`::`) and `ratings.csv`. Every rating is a play.

The titles stand in files beside them.
"""

import io
import itertools
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

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
    each,
    latin_of,
)
from streams.files.formats.text_rows import csv_rows, split_rows
from streams.files.times import number_ms

_RATING = r"[0-9](\.[0-9]+)?"


class _Layout(NamedTuple):
    """The layout of a file: CSV with a header, or lines without one."""

    header: list[str]
    lines: dict[str, re.Pattern[str]]
    """The first line, by the separator of its fields."""


_RATINGS = _Layout(
    ["userid", "movieid", "rating", "timestamp"],
    {
        separator: re.compile(rf"^\d+{separator}\d+{separator}{_RATING}{separator}\d{{8,10}}$")
        for separator in ("\t", "::")
    },
)
_NAMES = _Layout(
    ["movieid", "title", "genres"],
    {
        "::": re.compile(r"^\d+::[^:].*::[^:]*$"),
        "|": re.compile(r"^\d+\|[^|]+\|[^|]*\|[^|]*\|[^|]*(\|[01]){19}$"),
    },
)


def is_movielens(head: Head) -> bool:
    """Return whether a file is of this format."""
    return _separator(head, _RATINGS) is not None


def is_movielens_names(head: Head) -> bool:
    """Return whether a file has the titles of the films: `movies.csv`, `movies.dat` or `u.item`."""
    return _separator(head, _NAMES) is not None


def _separator(head: Head, layout: _Layout) -> str | None:
    """Return the separator of the fields of a file; None for another layout."""
    return _delimiter(head, layout) or next(
        (separator for separator, line in layout.lines.items() if line.match(head.first_line)), None
    )


def _delimiter(head: Head, layout: _Layout) -> str | None:
    """Return the delimiter of CSV with a header, None for another file."""
    return head.delimiter_of(lambda names: names == layout.header)


def read_movielens(stream: io.BufferedReader, options: ImportOptions) -> Iterator[Row]:
    """Return the ratings of a file as plays at the time of the rating; the stars are ignored."""
    del options
    return _read(stream, _RATINGS, _row)


def read_movielens_names(stream: io.BufferedReader, options: ImportOptions) -> Iterator[Row]:
    """Return the titles of films; the older data sets are in Latin-1."""
    del options
    return _read(stream, _NAMES, _names)


def _read(stream: io.BufferedReader, layout: _Layout, row_of: Callable[[list[str]], Row]) -> Iterator[Row]:
    head = Head(stream.peek(1))
    delimiter, separator = _delimiter(head, layout), _separator(head, layout)
    if delimiter is not None or separator is None:
        return each(itertools.islice(csv_rows(stream, delimiter or ","), 1, None), row_of)
    return each(split_rows(stream, separator), row_of)


def _names(fields: list[str]) -> Row:
    if len(fields) < len(_NAMES.header):
        return NoPlay(UNREADABLE, ",".join(fields))
    return checked_names(ItemNames(fields[0].strip(), latin_of(fields[1].strip()), None, FILM), ",".join(fields))


def _row(fields: list[str]) -> Row:
    if len(fields) != len(_RATINGS.header):
        return NoPlay(UNREADABLE, ",".join(fields))
    user_id, item_id, _, at_s = (field.strip() for field in fields)
    try:
        played_at_ms = number_ms(float(at_s))
    except ValueError:
        played_at_ms = None
    if played_at_ms is None:
        return NoPlay(NO_TIME, ",".join(fields))
    return checked(ImportedPlay(item_id, played_at_ms, user_id, kind=FILM), ",".join(fields))
