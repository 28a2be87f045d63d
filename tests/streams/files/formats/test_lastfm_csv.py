"""Last.fm as CSV."""

from pathlib import Path

import pytest

from streams.files.errors import PlaysFileError
from tests.support.imports import FIRST_MS, HARBOUR, PAPER, SAMPLES, SECOND_MS, options, plays_of, reasons_of

FOLDER = SAMPLES / "lastfm-csv"
BARE = FOLDER / "without-header.csv"


@pytest.mark.parametrize("name", ["recenttracks-anna.csv", "lastfmstats-anna.csv"])
def test_epoch_times_need_no_zone(name: str) -> None:
    """Seconds or milliseconds, by their size."""
    assert [(PAPER, SECOND_MS), (HARBOUR, FIRST_MS)] == [play[:2] for play in plays_of(FOLDER / name)]


def test_the_header_of_lastfmstats_names_the_listener() -> None:
    """After the name of the last column."""
    plays = plays_of(FOLDER / "lastfmstats-anna.csv", options(user_id=None))

    assert {"anna"} == {play.user_id for play in plays}


def test_local_times_need_a_zone() -> None:
    """The sentence names the option."""
    with pytest.raises(PlaysFileError) as caught:
        plays_of(BARE)

    expected = (
        f"{BARE}: 2023-11-14 22:16:00 is a local time: name its zone with --timezone, such as --timezone Europe/Berlin."
    )
    assert expected == str(caught.value)


@pytest.mark.parametrize(("zone", "ahead_h"), [("UTC", 0), ("Europe/Oslo", 1), ("America/New_York", -5)])
def test_local_times_are_read_in_their_zone(zone: str, ahead_h: int) -> None:
    """22:16 in Oslo is 21:16 in UTC."""
    first, _ = plays_of(BARE, options(zone=zone))

    assert 1_700_000_160_000 - ahead_h * 3_600_000 == first.played_at_ms


@pytest.mark.parametrize("written", ['"14 Nov 2023, 22:13"', "14 Nov 2023, 22:13", "14 Nov 2023 22:13"])
def test_the_comma_of_a_time_may_be_quoted_or_not(tmp_path: Path, written: str) -> None:
    """Sites differ."""
    path = tmp_path / "scrobbles.csv"
    path.write_text(f"The Made Ups,Made Up,Harbour Lights,{written}\n")

    assert [(HARBOUR, FIRST_MS - 20_000)] == [play[:2] for play in plays_of(path, options(zone="UTC"))]


def test_rows_that_are_no_plays_are_set_aside(tmp_path: Path) -> None:
    """A row without time, one without title, and a line too short."""
    path = tmp_path / "scrobbles.csv"
    path.write_text("uts,utc_time,artist,track\n,,a,t\n1700000000,,a,\n1700000000,,a,t\n1700000000\n")

    missing = "rows that name no item"
    assert ["rows without a time that can be read", missing, missing] == reasons_of(path)
    assert 1 == len(plays_of(path))
