"""YouTube Music in Google Takeout: `watch-history.json`, among the videos of YouTube."""

import io
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from streams.files.errors import UnusableFileError
from streams.files.formats.head import Head
from streams.files.formats.json_rows import rows_of
from streams.files.formats.rows import (
    NO_ITEM,
    NO_TIME,
    NOT_THIS_KIND,
    SONG,
    ImportedPlay,
    ImportOptions,
    NoPlay,
    Row,
    checked,
    each,
    text_of,
)
from streams.files.times import UTC_TIMES, moment_ms

HEADER = "YouTube Music"
ADVERT = "advertisements"
ID_PREFIX = "youtube:"
_VIDEO = re.compile(r"[?&]v=([\w-]{6,20})(?:&|$)")
_WATCHED = re.compile(
    r"^(?:Watched|Vous avez regardé|Has visto|Hai guardato|Você assistiu a) |(?: angesehen| bekeken| を視聴しました)$"
)
"""The words that Takeout puts around a title, in the language of the account."""
_CHANNEL = re.compile(r" - Topic$")


def is_youtube_music(head: Head) -> bool:
    """Return whether a file is a watch history of Takeout."""
    first = head.first_object
    return {"header", "title", "time"} <= first.keys() and ("products" in first or "titleUrl" in first)


def is_youtube_page(head: Head) -> bool:
    """Return whether a file is a watch history of Takeout as a web page."""
    start = head.start[:65536]
    return start.lstrip()[:1] == b"<" and b"<html" in start.lower() and (b"youtube.com" in start or b"YouTube" in start)


def read_youtube_music(stream: io.BufferedReader, options: ImportOptions) -> Iterator[Row]:
    """Return the songs of a file. Videos of YouTube, searches and advertisements are set aside."""
    del options
    return each(rows_of(stream), _row)


def read_youtube_page(stream: io.BufferedReader, options: ImportOptions) -> NoReturn:
    """Reject the web page, whose times depend on the language and the zone of the account.

    Raises:
        UnusableFileError: Always.
    """
    del stream, options
    message = (
        "is the web page of a watch history: fetch the export again with the format JSON, "
        'which Takeout offers under "Multiple formats", "History".'
    )
    raise UnusableFileError(message)


def _row(row: dict[str, Any]) -> Row:
    if row.get("header") != HEADER:
        return NoPlay(NOT_THIS_KIND, row)
    if _is_advert(row.get("details")):
        return NoPlay(ADVERT, row)
    played_at_ms = moment_ms(text_of(row.get("time")), UTC_TIMES)
    if played_at_ms is None:
        return NoPlay(NO_TIME, row)
    video = _VIDEO.search(text_of(row.get("titleUrl")))
    if video is None:
        return NoPlay(NO_ITEM, row)
    title = _WATCHED.sub("", text_of(row.get("title")), count=1)
    play = ImportedPlay(
        ID_PREFIX + video[1],
        played_at_ms,
        title="" if title.startswith("https://") else title,
        artist=_CHANNEL.sub("", _channel(row.get("subtitles"))),
        kind=SONG,
    )
    return checked(play, row)


def _is_advert(details: Any) -> bool:
    """Return whether the details name Google's advertisements: `From Google Ads`, or `Von Google Anzeigen`."""
    return isinstance(details, list) and any(
        isinstance(detail, dict) and "Google" in text_of(detail.get("name")) for detail in details
    )


def _channel(subtitles: Any) -> str:
    first = subtitles[0] if isinstance(subtitles, list) and subtitles else None
    return text_of(first.get("name")) if isinstance(first, dict) else ""
