"""Last.fm as JSON."""

import json
from pathlib import Path
from typing import Any

import pytest

from streams.files.errors import PlaysFileError
from tests.support.imports import FIRST_MS, HARBOUR, PAPER, SAMPLES, SECOND_MS, options, plays_of, reasons_of

SAMPLE = SAMPLES / "lastfm" / "page-1.json"
PAGE: dict[str, Any] = json.loads(SAMPLE.read_text())
TRACKS: list[Any] = PAGE["recenttracks"]["track"]
SCROBBLES = [
    {"track": "Paper Moon", "artist": "Ada Example", "album": "", "albumId": "", "date": SECOND_MS},
    {"track": "Harbour Lights", "artist": "The Made Ups", "album": "", "albumId": "", "date": FIRST_MS},
]


@pytest.mark.parametrize(
    "document",
    [
        PAGE,
        [PAGE],
        TRACKS,
        [TRACKS],
        [TRACKS[:2], TRACKS[2:]],
        {"track": TRACKS},
        {"username": "anna", "scrobbles": SCROBBLES},
        {"recenttracks": {"track": {str(number): track for number, track in enumerate(TRACKS)}}},
        [{"recenttracks": {"track": {str(number): track for number, track in enumerate(TRACKS)}}}],
    ],
    ids=[
        "page",
        "pages",
        "tracks",
        "page of tracks",
        "pages of tracks",
        "inner page",
        "lastfmstats",
        "numbered tracks",
        "pages of numbered tracks",
    ],
)
def test_every_layout_tells_the_same_plays(tmp_path: Path, document: Any) -> None:
    """Newest first, as the API gives them; `date` is the start of a play."""
    path = tmp_path / "scrobbles.json"
    path.write_text(json.dumps(document))

    plays = plays_of(path)

    assert [(PAPER, SECOND_MS, "anna"), (HARBOUR, FIRST_MS, "anna")] == [play[:3] for play in plays]
    assert [("Paper Moon", "Ada Example"), ("Harbour Lights", "The Made Ups")] == [play[6:8] for play in plays]


def test_tracks_may_stand_one_a_line(tmp_path: Path) -> None:
    """Some programs store them as they come."""
    path = tmp_path / "scrobbles.jsonl"
    path.write_text("".join(json.dumps(track) + "\n" for track in TRACKS))

    assert [(PAPER, SECOND_MS), (HARBOUR, FIRST_MS)] == [play[:2] for play in plays_of(path)]


def test_a_page_names_its_listener() -> None:
    """So do the exports of lastfmstats; no other needs to."""
    assert {"anna"} == {play.user_id for play in plays_of(SAMPLE, options(user_id=None))}


def test_a_page_with_one_track_is_read(tmp_path: Path) -> None:
    """The API gives an object instead of an array then."""
    path = tmp_path / "page.json"
    path.write_text(json.dumps({"recenttracks": {"track": TRACKS[2]}}))

    assert [HARBOUR] == [play.item_id for play in plays_of(path)]


def test_the_track_that_is_playing_is_no_play_yet() -> None:
    """It has no time, and comes again as a play."""
    assert ["rows of a track that is playing now"] == reasons_of(SAMPLE)


def test_pages_one_after_the_other_are_read(tmp_path: Path) -> None:
    """Some tools append each page to one file."""
    path = tmp_path / "pages.json"
    path.write_text(json.dumps(PAGE) + "\n" + json.dumps(PAGE))

    assert 4 == len(plays_of(path))


def page_of(user_id: str, *, names_first: bool) -> dict[str, Any]:
    """Return a page of another listener, which names them before or behind the tracks."""
    attributes = {"@attr": {"user": user_id}}
    tracks = {"track": TRACKS[1:]}
    return {"recenttracks": attributes | tracks if names_first else tracks | attributes}


@pytest.mark.parametrize("names_first", [True, False])
def test_each_page_of_an_array_has_its_own_listener(tmp_path: Path, names_first: bool) -> None:  # noqa: FBT001
    """Their plays are not those of the first one."""
    path = tmp_path / "pages.json"
    path.write_text(json.dumps([page_of("anna", names_first=names_first), page_of("ben", names_first=names_first)]))

    assert ["anna", "anna", "ben", "ben"] == [play.user_id for play in plays_of(path, options(user_id=None))]


@pytest.mark.parametrize("names_first", [True, False])
def test_pages_of_two_listeners_one_after_the_other_are_an_error(tmp_path: Path, names_first: bool) -> None:  # noqa: FBT001
    """The second page may name its listener behind its tracks."""
    path = tmp_path / "pages.json"
    path.write_text("\n".join(json.dumps(page_of(user, names_first=names_first)) for user in ("anna", "ben")))
    with pytest.raises(PlaysFileError) as caught:
        plays_of(path, options(user_id=None))

    expected = f"{path} has pages of several listeners, 'anna' and 'ben' among them: put each into its own file."
    assert expected == str(caught.value)


def test_a_long_page_in_utf_16_names_its_listener(tmp_path: Path) -> None:
    """Its tracks fill more than a few thousand letters."""
    path = tmp_path / "page.json"
    path.write_bytes(
        json.dumps({"recenttracks": {"track": TRACKS[1:] * 20, "@attr": {"user": "anna"}}}).encode("utf-16")
    )

    assert {"anna"} == {play.user_id for play in plays_of(path, options(user_id=None))}
