"""The watch history of Google Takeout."""

import json
import zipfile
from pathlib import Path

import pytest

from streams.files.errors import UnusableFileError
from tests.support.imports import FIRST_MS, SAMPLES, SECOND_MS, plays_of, reasons_of

SAMPLE = SAMPLES / "youtube-music" / "watch-history.json"
PAGE = SAMPLES / "youtube-music-page" / "watch-history.html"


def test_songs_are_plays_and_videos_are_none() -> None:
    """Title and artist are without the words that YouTube adds."""
    plays = plays_of(SAMPLE)

    assert [("youtube:madeup00002", SECOND_MS), ("youtube:madeup00001", FIRST_MS)] == [play[:2] for play in plays]
    assert [("Paper Moon", "Ada Example"), ("Harbour Lights", "The Made Ups")] == [play[6:8] for play in plays]
    assert ["rows of another kind of activity"] * 2 == reasons_of(SAMPLE)


def test_the_web_page_is_a_sentence() -> None:
    """It names the export to fetch instead."""
    with pytest.raises(UnusableFileError) as caught:
        plays_of(PAGE)

    assert str(caught.value) == (
        f"{PAGE} is the web page of a watch history: fetch the export again with the format JSON, "
        'which Takeout offers under "Multiple formats", "History".'
    )


def test_the_web_page_does_not_matter_beside_the_json(tmp_path: Path) -> None:
    """Takeout has pages of other histories in the same archive."""
    path = tmp_path / "takeout.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(PAGE, "Takeout/YouTube and YouTube Music/history/search-history.html")
        archive.write(SAMPLE, "Takeout/YouTube and YouTube Music/history/watch-history.json")

    assert 2 == len(plays_of(path))


@pytest.mark.parametrize(
    "title",
    [
        "Watched Paper Moon",
        "Paper Moon angesehen",
        "Vous avez regardé Paper Moon",
        "Has visto Paper Moon",
        "Paper Moon を視聴しました",
        "Paper Moon",
    ],
)
def test_a_title_is_without_the_words_of_any_language(tmp_path: Path, title: str) -> None:
    """Takeout writes them in the language of the account."""
    path = tmp_path / "Wiedergabeverlauf.json"
    row = json.loads(SAMPLE.read_text())[0] | {"title": title}
    path.write_text(json.dumps([row]))

    assert ["Paper Moon"] == [play.title for play in plays_of(path)]


@pytest.mark.parametrize("name", ["From Google Ads", "Von Google Anzeigen", "De la part de Google"])
def test_an_advert_is_none_in_any_language(tmp_path: Path, name: str) -> None:
    """The name of its seller tells it."""
    path = tmp_path / "watch-history.json"
    row = json.loads(SAMPLE.read_text())[0] | {"details": [{"name": name}]}
    path.write_text(json.dumps([row]))

    assert ["advertisements"] == reasons_of(path)
