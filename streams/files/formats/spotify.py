"""Spotify's extended streaming history: `Streaming_History_Audio_*.json`, one array of plays a file."""

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
    PRIVATE,
    SONG,
    ImportedPlay,
    ImportOptions,
    NoPlay,
    Row,
    checked,
    count_odd,
    each,
    length_of,
    may_be_private,
    text_of,
)
from streams.files.times import UTC_TIMES, moment_ms
from streams.signal_weight import SKIP

COUNTED_MS = 30_000
"""A track that its listener skipped before is a skip; Spotify counts a stream from then on."""
_LOCAL = "spotify:local:"


def is_spotify(head: Head) -> bool:
    """Return whether a file is of this format."""
    return {"ts", "ms_played"} <= head.first_object.keys()


def read_spotify(stream: io.BufferedReader, options: ImportOptions) -> Iterator[Row]:
    """Return the plays of a file. `ts` is the end of a play in UTC, so the play began `ms_played` before."""
    return each(rows_of(stream), lambda row: _row(row, options))


def _row(row: dict[str, Any], options: ImportOptions) -> Row:
    if may_be_private(row.get("incognito_mode")) and not options.learns_private:
        return NoPlay(PRIVATE)
    end_ms = moment_ms(text_of(row.get("ts")), UTC_TIMES)
    if end_ms is None:
        return NoPlay(NO_TIME, row)
    ms_played = length_of(row.get("ms_played"))
    start_ms = end_ms - (ms_played or 0)
    named = _item(row)
    if named is None:
        return NoPlay(NO_ITEM, row)
    item_id, title, artist, kind = named
    is_skip = row.get("skipped") is True and ms_played is not None and ms_played < COUNTED_MS
    return checked(
        ImportedPlay(
            item_id,
            start_ms,
            ms_played=ms_played,
            type=SKIP if is_skip else None,
            title=title,
            artist=artist,
            kind=kind,
            n_odd_lengths=count_odd(row.get("ms_played")),
        ),
        row,
    )


def _item(row: dict[str, Any]) -> tuple[str, str, str, str] | None:
    """Return id, title, artist and kind of a row's item; None if it names none."""
    track = text_of(row.get("master_metadata_track_name"))
    artist = text_of(row.get("master_metadata_album_artist_name"))
    uri = text_of(row.get("spotify_track_uri"))
    if uri and not uri.startswith(_LOCAL):
        return uri, track, artist, SONG
    episode, show = text_of(row.get("episode_name")), text_of(row.get("episode_show_name"))
    uri = text_of(row.get("spotify_episode_uri"))
    if uri or episode:
        return uri or item_id_of(show, episode), episode, show, EPISODE
    book = text_of(row.get("audiobook_title"))
    uri = text_of(row.get("audiobook_uri")) or text_of(row.get("audiobook_chapter_uri"))
    if uri or book:
        return uri or item_id_of("", book), book, "", AUDIOBOOK
    # A local file has no address that other exports share.
    return (item_id_of(artist, track), track, artist, SONG) if track else None
