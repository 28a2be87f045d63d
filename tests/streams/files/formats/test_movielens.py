"""The data sets of MovieLens."""

import pytest

from tests.support.exports import FIRST_MS, SAMPLES, SECOND_MS, options, plays_of, reasons_of


@pytest.mark.parametrize("name", ["u.data", "ratings.csv", "ratings.dat"])
def test_every_rating_is_a_play(name: str) -> None:
    """Of the listener in the file, at the time of the rating."""
    plays = plays_of(SAMPLES / "movielens" / name, options(user_id=None))

    expected = [("50", SECOND_MS, "1"), ("50", FIRST_MS + 100_000, "2"), ("172", FIRST_MS, "1")]
    assert expected == [play[:3] for play in plays]
    assert [] == reasons_of(SAMPLES / "movielens" / name)
