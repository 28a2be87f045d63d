"""ListenBrainz: JSON lines of listens, as in the dumps (tar, zst) and in a listener's export (zip), or an array."""

import io
import re
from collections.abc import Iterator
from typing import Any

from streams.files.formats.head import Head
from streams.files.formats.ids import MBID_PREFIX, item_id_of
from streams.files.formats.json_rows import is_lines, lines_of_json, rows_of
from streams.files.formats.rows import (
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
from streams.files.times import UTC_TIMES, moment_ms, number_ms

_EPOCH = re.compile(r"[0-9]{1,13}")


def is_listenbrainz(head: Head) -> bool:
    """Return whether a file is of this format."""
    first = head.first_object
    return "track_metadata" in first and ("listened_at" in first or "timestamp" in first)


def read_listenbrainz(stream: io.BufferedReader, options: ImportOptions) -> Iterator[Row]:
    """Return the listens of a file. `listened_at` is the start of a listen in seconds since 1970."""
    del options
    return each(lines_of_json(stream) if is_lines(stream.peek(1)) else rows_of(stream), _row)


def _row(row: dict[str, Any]) -> Row:
    metadata = row.get("track_metadata")
    played_at_ms = _listened_at_ms(row.get("listened_at", row.get("timestamp")))
    if played_at_ms is None:
        return NoPlay(NO_TIME, row)
    if not isinstance(metadata, dict):
        return NoPlay(NO_ITEM, row)
    title, artist = text_of(metadata.get("track_name")), text_of(metadata.get("artist_name"))
    mbid = _mbid(metadata)
    if not (title or mbid):
        return NoPlay(NO_ITEM, row)
    more = _part(metadata, "additional_info")
    return checked(
        ImportedPlay(
            f"{MBID_PREFIX}{mbid}" if mbid else item_id_of(artist, title),
            played_at_ms,
            _user_id(row),
            duration_ms=_duration_ms(more),
            n_odd_lengths=_count_odd(more),
            title=title,
            artist=artist,
            kind=SONG,
        ),
        row,
    )


def _listened_at_ms(at: Any) -> int | None:
    """Return epoch seconds, a number or its text, or an ISO time in UTC, as milliseconds; None for anything else."""
    if isinstance(at, str):
        return number_ms(int(at)) if _EPOCH.fullmatch(at) else moment_ms(at, UTC_TIMES)
    return None if isinstance(at, bool) or not isinstance(at, int | float) else number_ms(at)


def _mbid(metadata: dict[str, Any]) -> str:
    """Return MusicBrainz' id of the recording: of the player, or as ListenBrainz mapped it; empty if there is none."""
    mapped = _part(metadata, "mbid_mapping").get("recording_mbid")
    return text_of(_part(metadata, "additional_info").get("recording_mbid")) or text_of(mapped)


def _user_id(row: dict[str, Any]) -> str | None:
    name, number = text_of(row.get("user_name")), row.get("user_id")
    if name:
        return name
    return str(number) if isinstance(number, int) and not isinstance(number, bool) else text_of(number) or None


def _duration_ms(more: dict[str, Any]) -> int | None:
    milliseconds = length_of(more.get("duration_ms"))
    return milliseconds if milliseconds is not None else _milliseconds(more.get("duration"))


def _milliseconds(seconds: Any) -> int | None:
    """Return a length in seconds, which may have a fraction, in milliseconds; None for one that cannot be."""
    try:
        return length_of(round(1000 * float(seconds)))
    except (TypeError, ValueError, OverflowError):
        return None


def _count_odd(more: dict[str, Any]) -> int:
    """Return how many lengths of a listen are given and are none."""
    seconds = more.get("duration")
    return count_odd(more.get("duration_ms")) + (seconds not in (None, "") and _milliseconds(seconds) is None)


def _part(of: dict[str, Any], name: str) -> dict[str, Any]:
    part = of.get(name)
    return part if isinstance(part, dict) else {}
