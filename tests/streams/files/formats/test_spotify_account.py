"""Spotify's account data."""

import json
import shutil
from pathlib import Path

from streams.files.import_source import ImportSource
from tests.support.imports import HARBOUR, PAPER, SAMPLES, options, plays_of

FOLDER = SAMPLES / "spotify-account"


def test_a_play_begins_before_its_end_in_utc() -> None:
    """The end is known to the minute; items have ids of their names."""
    plays = plays_of(FOLDER / "StreamingHistory_music_0.json")

    assert [(HARBOUR, 1_699_997_818_000), (PAPER, 1_699_997_972_000)] == [play[:2] for play in plays]
    assert {"song"} == {play.kind for play in plays}


def test_podcasts_are_a_kind() -> None:
    """They have files of their own, with other fields."""
    (play,) = plays_of(FOLDER / "StreamingHistory_podcast_0.json")

    assert "episode" == play.kind
    assert "On Tides" == play.title
    assert "Small Talks" == play.artist
    assert 1_500_000 == play.ms_played


def test_both_are_read_from_their_folder() -> None:
    """An export is a folder of files."""
    assert 3 == len(plays_of(FOLDER))


def test_the_other_files_of_the_account_are_ignored(tmp_path: Path) -> None:
    """None of them is a file of another service."""
    others = {
        "Userdata.json": {"username": "anna", "email": "anna@example.org"},
        "YourLibrary.json": {"tracks": [{"artist": "Ada Example", "album": "Moons", "track": "Paper Moon"}]},
        "Playlist1.json": {"playlists": [{"name": "Mine", "items": [{"track": {"trackName": "Paper Moon"}}]}]},
        "SearchQueries.json": [{"platform": "ANDROID", "searchTime": "2023-11-14T22:13:20Z", "searchQuery": "moon"}],
    }
    folder = tmp_path / "account"
    shutil.copytree(FOLDER, folder)
    for name, content in others.items():
        (folder / name).write_text(json.dumps(content, indent=2))
    source = ImportSource(folder, options())

    rows = list(source.rows())

    assert 3 == len(rows)
    assert ["Spotify's account data"] == list(source.formats)
    assert len(others) == source.n_other_files
