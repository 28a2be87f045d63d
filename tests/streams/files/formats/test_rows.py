"""Lengths that are none, in every format that has lengths."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.imports import rows_of


def spotify(length: Any) -> str:
    """Return an extended history."""
    return json.dumps([{"ts": "2023-11-14T22:16:40Z", "ms_played": length, "spotify_track_uri": "spotify:track:7"}])


def spotify_account(length: Any) -> str:
    """Return an account's history."""
    return json.dumps([{"endTime": "2023-11-14 22:16", "msPlayed": length, "trackName": "Seven", "artistName": "Own"}])


def apple_music(length: Any) -> str:
    """Return a play activity."""
    header = "Event End Timestamp,Event Type,Play Duration Milliseconds,Song Name"
    return f"{header}\n2023-11-14T22:16:20Z,PLAY_END,{length},Harbour Lights\n"


def listenbrainz(length: Any) -> str:
    """Return a listen."""
    more = {"additional_info": {"duration_ms": length}, "track_name": "Seven", "artist_name": "Own"}
    return json.dumps({"listened_at": 1_700_000_000, "user_name": "anna", "track_metadata": more}) + "\n"


FORMATS = [spotify, spotify_account, apple_music, listenbrainz]


@pytest.mark.parametrize("length", ["abc", "12.5", "-1", "86400001", "1e300", "nan"])
@pytest.mark.parametrize("text_of", FORMATS, ids=lambda text_of: text_of.__name__)
def test_an_odd_length_costs_the_length_and_is_counted(
    tmp_path: Path, text_of: Callable[[Any], str], length: str
) -> None:
    """The play counts without it, as one on the topic of plays."""
    path = tmp_path / "history"
    path.write_text(text_of(length))

    (play,) = rows_of(path)

    assert "n_odd_lengths" in play._fields, play
    assert [None, None, 1] == [play.ms_played, play.duration_ms, play.n_odd_lengths]  # type: ignore[union-attr]


@pytest.mark.parametrize("length", [12.5, -1, True, [1], {"a": 1}])
@pytest.mark.parametrize("text_of", [spotify, spotify_account, listenbrainz], ids=lambda text_of: text_of.__name__)
def test_an_odd_length_may_be_of_any_kind(tmp_path: Path, text_of: Callable[[Any], str], length: Any) -> None:
    """JSON has several."""
    path = tmp_path / "history"
    path.write_text(text_of(length))

    (play,) = rows_of(path)

    assert [None, None, 1] == [play.ms_played, play.duration_ms, play.n_odd_lengths]  # type: ignore[union-attr]


@pytest.mark.parametrize("length", ["", "1500", "1500.0"])
@pytest.mark.parametrize("text_of", FORMATS, ids=lambda text_of: text_of.__name__)
def test_a_missing_length_is_not_odd(tmp_path: Path, text_of: Callable[[Any], str], length: str) -> None:
    """Nor is one with a fraction of zero."""
    path = tmp_path / "history"
    path.write_text(text_of(length))

    (play,) = rows_of(path)

    assert 0 == play.n_odd_lengths  # type: ignore[union-attr]
