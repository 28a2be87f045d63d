"""Apple Music's `Apple Music Play Activity.csv` of a copy of one's data."""

import io
from collections.abc import Iterator

from streams.files.formats.head import Head
from streams.files.formats.ids import item_id_of
from streams.files.formats.rows import (
    NO_ITEM,
    NO_TIME,
    NOT_THIS_KIND,
    SONG,
    VIDEO,
    ImportedPlay,
    ImportOptions,
    NoPlay,
    Row,
    checked,
    count_odd,
    each,
    length_of,
)
from streams.files.formats.text_rows import records_of
from streams.files.times import LocalTimes, moment_ms

_COLUMNS = {
    "title": ("song name", "content name", "track description"),
    "artist": ("artist name", "container artist name"),
    "album": ("album name", "container album name", "content album name"),
    "event": ("event type",),
    "start": ("event start timestamp",),
    "end": ("event end timestamp", "event timestamp"),
    "ms_played": ("play duration milliseconds",),
    "duration_ms": ("media duration in milliseconds",),
    "media": ("media type",),
}
_PLAYED = frozenset({"", "PLAY_END"})
"""Events that end a play. Another event, such as `PLAY_START` and `LYRIC_DISPLAY`, belongs to one of these."""


def is_apple_music(head: Head) -> bool:
    """Return whether a file is of this format."""
    return head.delimiter_of(_fits) is not None


def _fits(names: list[str]) -> bool:
    return "play duration milliseconds" in names and ("event start timestamp" in names or "event type" in names)


def read_apple_music(stream: io.BufferedReader, options: ImportOptions) -> Iterator[Row]:
    """Return the plays of a file: the events that end a play, from the time of its start.

    Newer copies name no artist and no id: the album stands for the artist in the id of an item.

    Raises:
        NoTimezoneError: Times are local and their zone is unknown.
    """
    delimiter = Head(stream.peek(1)).delimiter_of(_fits) or ","
    return each(records_of(stream, _COLUMNS, delimiter), lambda record: _row(record, options.times))


def _row(record: dict[str, str], times: LocalTimes) -> Row:
    if record["event"].upper() not in _PLAYED:
        return NoPlay(NOT_THIS_KIND, record)
    title, artist = record["title"], record["artist"]
    if not title:
        return NoPlay(NO_ITEM, record)
    ms_played = length_of(record["ms_played"])
    start_ms = moment_ms(record["start"], times)
    if start_ms is None:
        end_ms = moment_ms(record["end"], times)
        if end_ms is None:
            return NoPlay(NO_TIME, record)
        start_ms = end_ms - (ms_played or 0)
    play = ImportedPlay(
        item_id_of(artist or record["album"], title),
        start_ms,
        ms_played=ms_played,
        duration_ms=length_of(record["duration_ms"]),
        title=title,
        artist=artist,
        kind=VIDEO if record["media"].upper() == "VIDEO" else SONG,
        n_odd_lengths=count_odd(record["ms_played"], record["duration_ms"]),
    )
    return checked(play, record)
