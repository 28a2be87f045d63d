"""Whether a file is in the order of its times."""

from pathlib import Path

import pytest

from streams.files.play_order import is_in_order
from streams.files.play_tables import Columns
from streams.files.plays_file import PlaysFile


@pytest.mark.parametrize(
    ("times", "expected"),
    [(["1600000000", "1600000000", "1600000001"], True), (["1600000001", "1600000000"], False), ([], True)],
)
def test_no_play_is_earlier_than_the_one_before(tmp_path: Path, times: list[str], expected: bool) -> None:  # noqa: FBT001
    """Plays of one second are in order; only the time is looked at."""
    path = tmp_path / "plays.csv"
    path.write_text("u,at\n" + "".join(f",{time}\n" for time in times))

    assert expected is is_in_order(PlaysFile(path, Columns(played_at="at")))


@pytest.mark.parametrize("last", ["1600000000", "1600000002"])
def test_a_row_without_a_time_is_passed(tmp_path: Path, last: str) -> None:
    """It is set aside, so the rows after it count."""
    path = tmp_path / "plays.csv"
    path.write_text(f"played_at\n1600000001\nyesterday\n{last}\n")

    assert (last > "1600000001") is is_in_order(PlaysFile(path))


@pytest.mark.parametrize("line", ["no JSON", "{}", '{"played_at": []}'])
def test_a_line_that_cannot_be_read_is_passed(tmp_path: Path, line: str) -> None:
    """It is set aside, too."""
    path = tmp_path / "plays.jsonl"
    path.write_text(f'{{"played_at": 1600000001}}\n{line}\n{{"played_at": 1600000000}}\n')

    assert not is_in_order(PlaysFile(path))
