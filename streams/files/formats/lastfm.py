"""Last.fm as JSON: pages of the API's `user.getRecentTracks`, arrays of pages or of tracks, and lastfmstats."""

import io
import re
from collections.abc import Iterator
from typing import Any

from streams.files.errors import PlaysFileError
from streams.files.formats.head import Head
from streams.files.formats.ids import item_id_of
from streams.files.formats.json_rows import objects_of
from streams.files.formats.rows import (
    NO_ITEM,
    NO_TIME,
    SONG,
    ImportedPlay,
    ImportOptions,
    NoPlay,
    Row,
    checked,
    text_of,
)
from streams.files.times import number_ms

NOW_PLAYING = "rows of a track that is playing now"
_PAGES = frozenset(
    {"item", "item.item", "recenttracks.track", "recenttracks.track.item", "track.item", "scrobbles.item"}
)
_USER = "username"
_PLACES = _PAGES | {_USER, "recenttracks.@attr.user"}
_PAGE_BEGIN = re.compile(rb'^\s*\{\s*"(?:recenttracks|scrobbles|track)"\s*:')
_STATS_BEGIN = re.compile(rb'^\s*\{\s*"username"\s*:\s*(?:"(?:[^"\\]|\\.)*"|null)\s*,\s*"scrobbles"\s*:')
"""The beginning of lastfmstats; other files begin with a `username`, too, such as the one of an account of Spotify."""
_TRACK_MARKS = ("@attr", "date", "mbid", "streamable", "url", "image", "album")
_USER_IN_HEAD = re.compile(rb'"@attr"\s*:\s*\{[^{}]*"user"\s*:\s*"([^"\\]+)"')


def is_lastfm(head: Head) -> bool:
    """Return whether a file is of this format."""
    if _PAGE_BEGIN.match(head.start) or _STATS_BEGIN.match(head.start):
        return True
    begin = b"".join(head.start[:4096].split())
    first = head.first_object
    return _is_track(first) or "recenttracks" in first or begin.startswith((b'[{"recenttracks"', b'[[{"'))


def _is_track(first: dict[str, Any]) -> bool:
    """Return whether an object is a scrobble of the API."""
    return "artist" in first and "name" in first and any(mark in first for mark in _TRACK_MARKS)


def read_lastfm(stream: io.BufferedReader, options: ImportOptions) -> Iterator[Row]:
    """Yield the scrobbles of a file, newest first as the API gives them. `date.uts` is the start of a play.

    A page can name its listener behind its tracks. So pages that stand one after the other have one listener; the
    pages of an array have each their own.

    Raises:
        PlaysFileError: Pages one after the other have several listeners.
    """
    del options
    match = _USER_IN_HEAD.search(stream.peek(1))
    user_id = match[1].decode("utf-8", "replace") if match else None
    places = _PLACES | {""} if _is_track(Head(stream.peek(1)).first_object) else _PLACES
    for prefix, element in objects_of(stream, places):
        if isinstance(element, str):
            if prefix not in _PAGES:
                user_id = _same(user_id, element)
            continue
        listener = _listener(element) or user_id
        for track in _tracks(element):
            yield _row(track, listener)


def _same(user_id: str | None, of_page: str) -> str:
    """Return the listener of a page.

    Raises:
        PlaysFileError: The page before it has another one.
    """
    if user_id not in {None, of_page}:
        message = f"has pages of several listeners, {user_id!r} and {of_page!r} among them: put each into its own file."
        raise PlaysFileError(message)
    return of_page


def _listener(element: dict[str, Any]) -> str:
    """Return the listener that a page of an array names, empty if it is a track or names none."""
    page = element.get("recenttracks", element)
    attributes = page.get("@attr") if isinstance(page, dict) else None
    return text_of(attributes.get("user")) if isinstance(attributes, dict) else ""


def _tracks(element: dict[str, Any]) -> list[Any]:
    """Return the tracks of an object: a page has several, and a track is one."""
    page = element.get("recenttracks", element)
    tracks = page.get("track") if isinstance(page, dict) else None
    if isinstance(tracks, list):
        return tracks
    if isinstance(tracks, dict):
        return _listed(tracks)
    return _listed(element)


def _listed(tracks: dict[str, Any]) -> list[Any]:
    """Return the tracks of an object that has each under its number, as some languages write arrays; or one track."""
    return list(tracks.values()) if tracks and all(name.isdecimal() for name in tracks) else [tracks]


def _row(track: Any, user_id: str | None) -> Row:
    if not isinstance(track, dict):
        return NoPlay(NO_ITEM, track)
    attributes = track.get("@attr")
    if isinstance(attributes, dict) and attributes.get("nowplaying") == "true":
        return NoPlay(NOW_PLAYING, track)
    played_at_ms = _played_at_ms(track.get("date"))
    if played_at_ms is None:
        return NoPlay(NO_TIME, track)
    title, artist = text_of(track.get("name") or track.get("track")), _name(track.get("artist"))
    if not title:
        return NoPlay(NO_ITEM, track)
    item_id = item_id_of(artist, title)
    return checked(ImportedPlay(item_id, played_at_ms, user_id, title=title, artist=artist, kind=SONG), track)


def _name(artist: Any) -> str:
    """Return the name of an artist, which is a text, `#text` or `name`."""
    if isinstance(artist, dict):
        return text_of(artist.get("#text")) or text_of(artist.get("name"))
    return text_of(artist)


def _played_at_ms(date: Any) -> int | None:
    uts = date.get("uts") if isinstance(date, dict) else date
    if isinstance(uts, bool) or not isinstance(uts, int | float | str):
        return None
    try:
        return number_ms(float(uts))
    except (ValueError, OverflowError):
        return None
