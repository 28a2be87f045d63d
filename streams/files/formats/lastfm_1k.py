"""The data set Last.fm-1K: `userid-timestamp-artid-artname-traid-traname.tsv`, each listener's plays newest first."""

import io
import re
from collections.abc import Iterator

from streams.files.formats.head import Head
from streams.files.formats.ids import MBID_PREFIX, item_id_of
from streams.files.formats.rows import (
    NO_ITEM,
    NO_TIME,
    SONG,
    UNREADABLE,
    ImportedPlay,
    ImportOptions,
    NoPlay,
    Row,
    checked,
)
from streams.files.formats.text_rows import split_rows
from streams.files.times import UTC_TIMES, moment_ms

FIELDS = 6
_LINE = re.compile(r"^[^\t]+\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\t[^\t]*\t[^\t]*\t[^\t]*\t[^\t]*$")


def is_lastfm_1k(head: Head) -> bool:
    """Return whether a file is of this format."""
    return bool(_LINE.match(head.first_line))


def read_lastfm_1k(stream: io.BufferedReader, options: ImportOptions) -> Iterator[Row]:
    """Yield the plays of a file: listener, time in UTC, id and name of the artist, id and title of the track."""
    del options
    for fields in split_rows(stream, "\t"):
        yield _row(fields)


def _row(fields: list[str]) -> Row:
    content = "\t".join(fields)
    if len(fields) != FIELDS:
        return NoPlay(UNREADABLE, content)
    user_id, at, _, artist, track_id, title = (field.strip() for field in fields)
    played_at_ms = moment_ms(at, UTC_TIMES)
    if played_at_ms is None:
        return NoPlay(NO_TIME, content)
    if not (track_id or title):
        return NoPlay(NO_ITEM, content)
    item_id = f"{MBID_PREFIX}{track_id}" if track_id else item_id_of(artist, title)
    return checked(ImportedPlay(item_id, played_at_ms, user_id, title=title, artist=artist, kind=SONG), content)
