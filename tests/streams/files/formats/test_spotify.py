"""Spotify's extended streaming history."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from streams.files.formats.ids import item_id_of
from streams.files.formats.rows import ImportedPlay, NoPlay, Row
from tests.support.imports import SAMPLES, options, plays_of, reasons_of, rows_of

SAMPLE = SAMPLES / "spotify" / "Streaming_History_Audio_2023_0.json"
ROW = {
    "ts": "2023-11-14T22:16:40Z",
    "ms_played": 200_000,
    "master_metadata_track_name": "Seven",
    "master_metadata_album_artist_name": "Own Band",
    "spotify_track_uri": "spotify:track:7",
}
START_MS = 1_700_000_000_000


def row_of(folder: Path, **changed: Any) -> Row:
    """Return the only row of a file."""
    path = folder / "history.json"
    path.write_text(json.dumps([ROW | changed]))
    (row,) = rows_of(path)
    return row


def test_a_play_begins_before_its_time_stamp(tmp_path: Path) -> None:
    """`ts` is the end of a play; older exports write it without a zone, and it is UTC all the same."""
    expected = ImportedPlay("spotify:track:7", START_MS, "anna", 200_000, None, None, "Seven", "Own Band", "song")

    assert expected == row_of(tmp_path)
    assert expected == row_of(tmp_path, ts="2023-11-14 22:16:40")


def test_private_sessions_are_left_out_and_their_content_is_written_nowhere() -> None:
    """The caller may ask for them, and they are plays like others then."""
    left_out = [row for row in rows_of(SAMPLE) if isinstance(row, NoPlay)]
    (private,) = [row for row in left_out if row.reason == "plays of private sessions"]
    learnt = plays_of(SAMPLE, options(learns_private=True))

    assert private.content is None
    assert "Nobody Knows" not in {play.title for play in plays_of(SAMPLE)}
    assert "Nobody Knows" in {play.title for play in learnt}


def test_episodes_and_audiobooks_are_kinds() -> None:
    """An audiobook is one item, whichever of its chapters was played."""
    kinds = {play.item_id: (play.kind, play.title, play.artist) for play in plays_of(SAMPLE)}

    assert ("episode", "On Tides", "Small Talks") == kinds["spotify:episode:0000000000000000000004"]
    assert ("audiobook", "A Book of Samples", None) == kinds["spotify:show:0000000000000000000005"]


@pytest.mark.parametrize("uri", [None, "", "spotify:local:Own+Band::Seven:200"])
def test_a_local_file_has_an_id_of_its_names(tmp_path: Path, uri: str | None) -> None:
    """Its address, if it has one, names a place on one computer."""
    row = row_of(tmp_path, spotify_track_uri=uri)

    assert isinstance(row, ImportedPlay)
    assert item_id_of("Own Band", "Seven") == row.item_id


def test_a_track_that_was_skipped_early_is_a_skip(tmp_path: Path) -> None:
    """Spotify counts a stream from 30 seconds on."""
    assert "skip" == type_of(row_of(tmp_path, skipped=True, ms_played=29_999))
    assert None is type_of(row_of(tmp_path, skipped=True, ms_played=30_000))
    assert None is type_of(row_of(tmp_path, skipped=None, ms_played=1000))


def type_of(row: Row) -> str | None:
    """Return the type of a play."""
    assert isinstance(row, ImportedPlay)
    return row.type


@pytest.mark.parametrize("ms_played", [-1, None, "x", 10**12, True, 1e300])
def test_an_odd_length_is_left_out(tmp_path: Path, ms_played: Any) -> None:
    """The play counts without it."""
    row = row_of(tmp_path, ms_played=ms_played)

    assert isinstance(row, ImportedPlay)
    assert None is row.ms_played


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"ts": "yesterday"}, "rows without a time that can be read"),
        ({"ts": 5}, "rows without a time that can be read"),
        ({"ts": "0001-01-01T00:00:00Z"}, "rows with a time before 1990 or after 2099"),
        ({"spotify_track_uri": None, "master_metadata_track_name": None}, "rows that name no item"),
        ({"spotify_track_uri": "spotify:track:\u0007"}, "rows whose item or listener has characters"),
        ({"spotify_track_uri": "x" * 129}, "rows whose item or listener has characters"),
    ],
)
def test_a_row_that_is_no_play_is_set_aside(tmp_path: Path, changed: dict[str, Any], reason: str) -> None:
    """With its reason and its content."""
    row = row_of(tmp_path, **changed)

    assert isinstance(row, NoPlay)
    assert row.reason.startswith(reason)
    assert ROW | changed == row.content


def test_the_sample_has_rows_of_every_kind() -> None:
    """Six plays, one of a private session, and one of nothing."""
    assert ["plays of private sessions", "rows that name no item"] == reasons_of(SAMPLE)
    assert 6 == len(plays_of(SAMPLE))


@pytest.mark.parametrize("flag", [True, "true", "True", 1, "1", "perhaps", [], {}])
def test_a_play_that_may_be_private_is_left_out(tmp_path: Path, flag: Any) -> None:
    """However a tool spelled the flag."""
    assert NoPlay("plays of private sessions") == row_of(tmp_path, incognito_mode=flag)


@pytest.mark.parametrize("flag", [False, None, "false", "False", 0, "0", ""])
def test_a_play_that_is_not_private_is_one(tmp_path: Path, flag: Any) -> None:
    """However a tool spelled the flag."""
    assert isinstance(row_of(tmp_path, incognito_mode=flag), ImportedPlay)


@pytest.mark.parametrize("write", [
    lambda rows: "".join(json.dumps(row) + "\n" for row in rows),
    lambda rows: "\n".join(json.dumps(row, indent=2) for row in rows),
    lambda rows: json.dumps([{}, None, *rows]),
    lambda rows: "\n \n" + json.dumps(rows),
], ids=["lines", "objects of several lines", "an empty object first", "blank lines first"])  # fmt: skip
def test_every_layout_tells_the_same_plays(tmp_path: Path, write: Callable[[list[Any]], str]) -> None:
    """A file of a folder that is not recognised would be ignored beside the others."""
    path = tmp_path / "history.json"
    path.write_text(write(json.loads(SAMPLE.read_text())))

    assert plays_of(SAMPLE) == plays_of(path)
