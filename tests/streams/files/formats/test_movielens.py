"""The data sets of MovieLens."""

from pathlib import Path

import pytest

from streams.files.formats.rows import ItemNames
from tests.support.imports import FIRST_MS, SAMPLES, SECOND_MS, options, plays_of, reasons_of, rows_of


@pytest.mark.parametrize("name", ["u.data", "ratings.csv", "ratings.dat"])
def test_every_rating_is_a_play(name: str) -> None:
    """Of the listener in the file, at the time of the rating."""
    plays = plays_of(SAMPLES / "movielens" / name, options(user_id=None))

    expected = [("50", SECOND_MS, "1"), ("50", FIRST_MS + 100_000, "2"), ("172", FIRST_MS, "1")]
    assert expected == [play[:3] for play in plays]
    assert [] == reasons_of(SAMPLES / "movielens" / name, options(user_id=None))


@pytest.mark.parametrize("name", ["u.item", "movies.csv", "movies.dat"])
def test_titles_stand_in_a_file_of_their_own(name: str) -> None:
    """The older data sets are in Latin-1."""
    titles = [("50", "Made Up, The (1977)", None, "film"), ("172", "Caf\u00e9 Example (1980)", None, "film")]

    assert titles == [row for row in rows_of(SAMPLES / "movielens" / name) if isinstance(row, ItemNames)]


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("7::Caf\u00e9\u00a0Noir (1980)::Drama".encode(), "Caf\u00e9\u00a0Noir (1980)"),
        ("7::Caf\u00e9\u00a0Noir (1980)::Drama".encode("latin-1"), "Caf\u00e9\u00a0Noir (1980)"),
        (b"7::A\x07 (1980)::Drama", "A\x07 (1980)"),
    ],
)
def test_a_title_in_utf_8_is_no_latin_1(tmp_path: Path, line: bytes, title: str) -> None:
    """Only bytes that are no UTF-8 are."""
    path = tmp_path / "movies.dat"
    path.write_bytes(line + b"\n")

    assert [title] == [row.title for row in rows_of(path) if isinstance(row, ItemNames)]
