"""Plays in the order of their times, in bounded memory."""

import random
from pathlib import Path

import pyarrow as pa
import pytest

from streams.files.errors import PlaysFileError
from streams.files.formats.ids import play_id_of
from streams.files.formats.rows import ImportedPlay, ItemNames
from streams.files.sorted_plays import SortedPlays

AT_MS = 1_600_000_000_000


def play(at: int, item: str = "x", user: str = "ann") -> ImportedPlay:
    """Return a play some milliseconds after `AT_MS`."""
    return ImportedPlay(item, AT_MS + at, user, 1000, None, None, f"Title of {item}", None, "song")


def sorted_of(plays: list[ImportedPlay], folder: Path, run_plays: int = 7) -> SortedPlays:
    """Sort plays in short runs."""
    by_time = SortedPlays(folder, run_plays)
    for one in plays:
        by_time.add(one)
    return by_time


def items_of(by_time: SortedPlays, first: int = 1) -> list[str]:
    """Return the items in the order in which they are sent."""
    return [item for piece, _ in by_time.pieces(first) for item in piece.item_ids]


@pytest.mark.parametrize("run_plays", [1, 7, 1000])
def test_plays_come_in_the_order_of_their_times(tmp_path: Path, run_plays: int) -> None:
    """However many runs they were sorted in, and as often as they are asked for."""
    plays = [play(at, f"i{at}") for at in range(100)]
    random.Random(0).shuffle(plays)
    by_time = sorted_of(plays, tmp_path, run_plays)

    assert [f"i{at}" for at in range(100)] == items_of(by_time) == items_of(by_time)
    assert [f"i{at}" for at in range(90, 100)] == items_of(by_time, 91)


def test_plays_of_one_moment_keep_the_direction_of_the_file(tmp_path: Path) -> None:
    """Times to the minute tie many plays, and a file that is newest first is read from its end."""
    oldest_first = [play(at // 3 * 60_000, f"i{at}") for at in range(30)]
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()

    expected = [f"i{at}" for at in range(30)]
    assert expected == items_of(sorted_of(oldest_first, tmp_path / "a"))
    assert expected == items_of(sorted_of(oldest_first[::-1], tmp_path / "b"))


def test_a_play_that_is_there_twice_counts_once(tmp_path: Path) -> None:
    """Exports overlap; the same item at another time, or of another listener, is another play."""
    plays = [play(1), play(2), play(1, user="ben"), play(1, "y"), play(2), play(1)]
    by_time = sorted_of(plays * 3, tmp_path)

    assert ["x", "x", "y", "x"] == items_of(by_time)
    assert 14 == by_time.n_doubled


def test_pieces_have_ids_lengths_and_names(tmp_path: Path) -> None:
    """The id is made of listener, item and time."""
    ((piece, names),) = sorted_of([play(1)], tmp_path).pieces()

    assert (1, ["ann"], ["x"], [AT_MS + 1], [1000], [None], [play_id_of("ann", "x", AT_MS + 1)], [None]) == piece
    assert [ItemNames("x", "Title of x", None, "song")] == names


def test_names_of_another_file_are_used_for_items_without(tmp_path: Path) -> None:
    """Data sets have titles beside the plays."""
    by_time = sorted_of([play(1)._replace(title=None), play(2, "y")], tmp_path)
    for item in ("x", "y"):
        by_time.name(ItemNames(item, "Other", None, "film"))

    ((_, names),) = by_time.pieces()

    assert ["Other", "Title of y"] == [item.title for item in names]


def test_a_file_with_its_own_ids_keeps_them(tmp_path: Path) -> None:
    """And two plays without ids are two plays."""
    by_time = SortedPlays(tmp_path, derives_ids=False)
    by_time.add(play(2), "p2")
    by_time.add(play(1))
    by_time.add(play(1))

    ((piece, _),) = by_time.pieces()

    assert [None, None, "p2"] == piece.play_ids


def test_there_is_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The runs that are merged are open files."""
    monkeypatch.setattr("streams.files.sorted_plays.RUNS_MAX", 2)
    with pytest.raises(PlaysFileError) as caught:
        sorted_of([play(at) for at in range(4)], tmp_path, 1)

    assert "There are more than 2 plays: split the export." == str(caught.value)


def test_a_run_is_read_in_small_batches(tmp_path: Path) -> None:
    """All runs are merged at once, so a batch of each is in memory."""
    sorted_of([play(at) for at in range(1200)], tmp_path, 1200)

    with pa.OSFile(str(tmp_path / "0.arrow"), "rb") as file, pa.ipc.open_file(file) as reader:
        assert [500, 500, 200] == [reader.get_batch(number).num_rows for number in range(reader.num_record_batches)]
