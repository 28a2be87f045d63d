"""Spotify's account data."""

from tests.support.imports import HARBOUR, PAPER, SAMPLES, plays_of

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
