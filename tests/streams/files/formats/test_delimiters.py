"""CSV of exports that a spreadsheet has stored with another delimiter and in quotation marks."""

import csv
import io
from pathlib import Path

import pytest

from tests.support.imports import SAMPLES, options, rows_of

FILES = [
    ("apple-music/Apple_Music_Play_Activity.csv", ","),
    ("lastfm-csv/recenttracks-anna.csv", ","),
    ("lastfm-csv/lastfmstats-anna.csv", ";"),
    ("movielens/ratings.csv", ","),
    ("movielens/movies.csv", ","),
]


def stored_with(text: str, delimiter: str, other: str) -> str:
    """Return CSV with another delimiter, as a spreadsheet stores it."""
    stored = io.StringIO()
    csv.writer(stored, delimiter=other, quoting=csv.QUOTE_ALL).writerows(
        csv.reader(io.StringIO(text), delimiter=delimiter)
    )
    return stored.getvalue()


@pytest.mark.parametrize("other", [",", ";", "\t"], ids=["comma", "semicolon", "tab"])
@pytest.mark.parametrize(("name", "delimiter"), FILES, ids=[name for name, _ in FILES])
def test_every_delimiter_tells_the_same_rows(tmp_path: Path, name: str, delimiter: str, other: str) -> None:
    """The header says which one it is."""
    lacking = options(user_id=None if name.startswith(("movielens", "lastfm-csv/lastfmstats")) else "anna")
    path = tmp_path / "stored.csv"
    path.write_text(stored_with((SAMPLES / name).read_text(), delimiter, other))

    assert rows_of(SAMPLES / name, lacking) == rows_of(path, lacking)
