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


def test_a_file_with_a_bad_row_is_in_order_up_to_it(tmp_path: Path) -> None:
    """Sending it tells the row."""
    path = tmp_path / "plays.csv"
    path.write_text("played_at\n1600000001\nyesterday\n")

    assert is_in_order(PlaysFile(path))


def test_a_bad_row_may_be_passed(tmp_path: Path) -> None:
    """If it is set aside, the rows after it count."""
    path = tmp_path / "plays.csv"
    path.write_text("played_at\n1600000001\nyesterday\n1600000000\n")

    assert not is_in_order(PlaysFile(path), passes_bad=True)


@pytest.mark.parametrize(("flag", "learns_private", "expected"), [
    ("true", False, False),
    ("true", True, True),
    ("", False, True),
    ("perhaps", False, True),
])  # fmt: skip
def test_a_private_play_without_a_time_is_passed(
    tmp_path: Path,
    flag: str,
    learns_private: bool,  # noqa: FBT001
    expected: bool,  # noqa: FBT001
) -> None:
    """It is left out, so the rows after it are sent."""
    path = tmp_path / "plays.csv"
    path.write_text(f"played_at,private\n1600000001,\nyesterday,{flag}\n1600000000,\n")

    assert expected is is_in_order(PlaysFile(path, learns_private=learns_private))
