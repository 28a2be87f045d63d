"""Spotify's account data: `StreamingHistory_music_*.json` and its siblings, arrays of the last year's plays."""

import io
from collections.abc import Iterator
from typing import Any

from streams.files.formats.head import Head
from streams.files.formats.ids import item_id_of
from streams.files.formats.json_rows import rows_of
from streams.files.formats.rows import (
    AUDIOBOOK,
    EPISODE,
    NO_ITEM,
    NO_TIME,
    SONG,
    ImportedPlay,
    ImportOptions,
    NoPlay,
    Row,
    checked,
    count_odd,
    each,
    length_of,
    text_of,
)
from streams.files.times import UTC_TIMES, moment_ms

_NAMES = (
    ("trackName", "artistName", SONG),
    ("episodeName", "podcastName", EPISODE),
    ("audiobookName", "authorName", AUDIOBOOK),
)
"""The fields of the title and of its author, by kind."""


def is_spotify_account(head: Head) -> bool:
    """Return whether a file is of this format."""
    return {"endTime", "msPlayed"} <= head.first_object.keys()


def read_spotify_account(stream: io.BufferedReader, options: ImportOptions) -> Iterator[Row]:
    """Return the plays of a file. `endTime` is the end of a play in UTC, to the minute; there are names and no ids."""
    del options
    return each(rows_of(stream), _row)


def _row(row: dict[str, Any]) -> Row:
    end_ms = moment_ms(text_of(row.get("endTime")), UTC_TIMES)
    if end_ms is None:
        return NoPlay(NO_TIME, row)
    ms_played = length_of(row.get("msPlayed"))
    for title_field, author_field, kind in _NAMES:
        title, author = text_of(row.get(title_field)), text_of(row.get(author_field))
        if title:
            start_ms = end_ms - (ms_played or 0)
            item_id = item_id_of(author, title)
            play = ImportedPlay(
                item_id,
                start_ms,
                ms_played=ms_played,
                title=title,
                artist=author,
                kind=kind,
                n_odd_lengths=count_odd(row.get("msPlayed")),
            )
            return checked(play, row)
    return NoPlay(NO_ITEM, row)
