"""Last.fm as CSV, of the sites that export it: with a header, or artist, album, title and local time without one."""

import csv
import io
import re
from collections.abc import Iterator

from streams.files.formats.head import Head
from streams.files.formats.ids import item_id_of
from streams.files.formats.rows import NO_ITEM, NO_TIME, SONG, ImportedPlay, ImportOptions, NoPlay, Row, checked, each
from streams.files.formats.text_rows import csv_rows, records_of
from streams.files.times import LocalTimes, local_ms, moment_ms, number_ms

LAYOUTS = ("%d %b %Y, %H:%M", "%d %b %Y %H:%M", "%d %b %Y, %H:%M:%S", "%d %b %Y %H:%M:%S")
_COLUMNS = {
    "epoch": ("uts", "timestamp", "unix_timestamp"),
    "time": ("utc_time", "date", "time", "played_at"),
    "artist": ("artist", "artist_name"),
    "title": ("track", "title", "name", "track_name"),
}
_DATED = re.compile(r"^\d{1,2} [A-Za-z]{3} \d{4},? \d{1,2}:\d{2}(:\d{2})?$")
_STATS_DATE, _STATS_USER = re.compile(r"^date#?(.*)$"), re.compile(r"^date#")
SEMICOLON = ";"


def is_lastfm_csv(head: Head) -> bool:
    """Return whether a file is of this format."""
    is_table = head.delimiter_of(_has_header) is not None or _stats_delimiter(head) is not None
    return not head.is_json and (is_table or _is_bare(head))


def _has_header(names: list[str]) -> bool:
    given = set(names)
    return all(given & set(_COLUMNS[field]) for field in ("artist", "title")) and bool(
        given & {"uts", "utc_time", "unix_timestamp", "date"}
    )


def _stats_delimiter(head: Head) -> str | None:
    """Return the delimiter of lastfmstats, a semicolon unless another program stored the file; None for other files.

    With another delimiter, `Date` alone may be the text of a time.
    """
    if (delimiter := head.delimiter_of(lambda names: _is_stats(names, _STATS_USER))) is not None:
        return delimiter
    return SEMICOLON if _is_stats(head.columns(SEMICOLON), _STATS_DATE) else None


def _is_stats(names: list[str], date: re.Pattern[str]) -> bool:
    return {"artist", "album", "track"} <= set(names) and any(date.match(name) for name in names)


def _is_bare(head: Head) -> bool:
    """Return whether the first row has no names of columns, but a play."""
    fields = _fields(head.first_line)
    return len(fields) >= 4 and bool(_DATED.match(_time_of(fields)))  # noqa: PLR2004  artist, album, title, time


def _fields(line: str) -> list[str]:
    try:
        return next(csv.reader([line]), [])
    except csv.Error:
        return []


def _time_of(fields: list[str]) -> str:
    """Return the time of a bare row; one of the sites does not quote the comma in it."""
    return ",".join(fields[3:]).strip()


def read_lastfm_csv(stream: io.BufferedReader, options: ImportOptions) -> Iterator[Row]:
    """Return the scrobbles of a file. `uts` is in seconds since 1970; a time without it is local.

    Raises:
        NoTimezoneError: Times are local and their zone is unknown.
    """
    head = Head(stream.peek(1))
    if (delimiter := _stats_delimiter(head)) is not None:
        return _stats_rows(stream, head, delimiter)
    if (delimiter := head.delimiter_of(_has_header)) is not None:
        return each(records_of(stream, _COLUMNS, delimiter), lambda record: _row(record, options.times))
    return each(csv_rows(stream), lambda fields: _bare_row(fields, options.times))


def _stats_rows(stream: io.BufferedReader, head: Head, delimiter: str) -> Iterator[Row]:
    """Return the rows of lastfmstats, whose header ends in `Date#<listener>` and whose times are in milliseconds."""
    names = head.columns(delimiter)
    date = next(name for name in names if _STATS_DATE.match(name))
    user_id = head.first_line.rpartition("#")[2].strip(' "') if "#" in date else None
    columns: dict[str, tuple[str, ...]] = {"epoch": (date,), "artist": ("artist",), "title": ("track",)}
    return each(
        records_of(stream, columns, delimiter),
        lambda record: _row(record | {"time": ""}, LocalTimes(), user_id or None),
    )


def _bare_row(fields: list[str], times: LocalTimes) -> Row:
    if len(fields) < 4:  # noqa: PLR2004  artist, album, title, time
        return NoPlay(NO_TIME, ",".join(fields))
    return _row({"epoch": "", "time": _time_of(fields), "artist": fields[0].strip(), "title": fields[2].strip()}, times)


def _row(record: dict[str, str], times: LocalTimes, user_id: str | None = None) -> Row:
    played_at_ms = _epoch_ms(record["epoch"]) if record["epoch"] else _time_ms(record["time"], times)
    if played_at_ms is None:
        return NoPlay(NO_TIME, record)
    title, artist = record["title"], record["artist"]
    if not title:
        return NoPlay(NO_ITEM, record)
    item_id = item_id_of(artist, title)
    return checked(ImportedPlay(item_id, played_at_ms, user_id, title=title, artist=artist, kind=SONG), record)


def _epoch_ms(text: str) -> int | None:
    try:
        return number_ms(float(text))
    except (ValueError, OverflowError):
        return None


def _time_ms(text: str, times: LocalTimes) -> int | None:
    return local_ms(text, LAYOUTS, times) if _DATED.match(text) else moment_ms(text, times)
