"""Files of plays in every format, whole and damaged."""

import gzip
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from streams.files.play_tables import Columns
from streams.files.plays_file import PlaysFile
from streams.files.plays_piece import PlaysPiece
from streams.files.times import LocalTimes
from tests.streams.files.plays_files import AT, fault_of, write_csv

AT_MS = 1_600_000_000_000
ROWS = [("ann", "x", AT), ("bob", "y", AT), ("ann", "z", AT)]


def write_rows(folder: Path, ending: str) -> Path:
    """Write ROWS in the format of an ending."""
    path = folder / f"plays{ending}"
    csv_text = "".join(f"{','.join(row)}\n" for row in [("user_id", "item_id", "played_at"), *ROWS])
    json_text = "".join(f'{{"user_id":"{u}","item_id":"{i}","played_at":"{at}"}}\n' for u, i, at in ROWS)
    if ending == ".parquet":
        users, items, _ = zip(*ROWS, strict=True)
        at = pa.array([datetime.fromisoformat(AT)] * 3, pa.timestamp("us", "UTC"))
        pq.write_table(pa.table({"user_id": users, "item_id": items, "played_at": at}), path)
    else:
        content = (csv_text if ".csv" in ending else json_text).encode()
        path.write_bytes(gzip.compress(content) if ending.endswith(".gz") else content)
    return path


def read_all(path: Path, first_row: int = 1, **columns: str) -> list[PlaysPiece]:
    """Read every piece."""
    return list(PlaysFile(path, Columns(**columns)).pieces(first_row))


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz", ".parquet"])
def test_every_format_tells_the_same_plays(tmp_path: Path, ending: str) -> None:
    """The content chooses the reader."""
    nothing = [None] * 3

    pieces = read_all(write_rows(tmp_path, ending))

    assert [(1, ["ann", "bob", "ann"], ["x", "y", "z"], [AT_MS] * 3, nothing, nothing, nothing, nothing)] == pieces


def test_only_parquet_tells_its_length(tmp_path: Path) -> None:
    """The total of a progress bar is known where it costs nothing."""
    assert PlaysFile(write_rows(tmp_path, ".parquet")).n_plays == 3
    assert PlaysFile(write_rows(tmp_path, ".csv")).n_plays is None


@pytest.mark.parametrize(
    ("written", "ms"),
    [
        ("1600000000", AT_MS),
        ("1600000000.25", AT_MS + 250),
        ("1600000000000", AT_MS),
        ("2020-09-13T12:26:40Z", AT_MS),
        ("2020-09-13T14:26:40.5+02:00", AT_MS + 500),
        ("2020-09-13 12:26:40.123456789Z", AT_MS + 123),
    ],
)
def test_times_are_rfc_3339_or_epoch_seconds_or_milliseconds(tmp_path: Path, written: str, ms: int) -> None:
    """The magnitude tells seconds from milliseconds."""
    path = write_csv(tmp_path, f"user_id,item_id,played_at\nann,x,{written}\n")

    assert [ms] == read_all(path)[0].played_at_ms


def test_local_times_are_read_in_their_zone(tmp_path: Path) -> None:
    """Beside times with a zone, and in Parquet; without a zone they are an error."""
    path = write_csv(tmp_path, f"user_id,item_id,played_at\nann,x,2020-09-13 14:26:40\nann,x,{AT}\nann,x,1600000000\n")
    table = pa.table({"user_id": ["ann"], "item_id": ["x"], "played_at": [datetime(2020, 9, 13, 14, 26, 40)]})  # noqa: DTZ001
    pq.write_table(table, tmp_path / "plays.parquet")
    times = LocalTimes(ZoneInfo("Europe/Oslo"))

    (piece,) = PlaysFile(path, times=times).pieces()
    (of_parquet,) = PlaysFile(tmp_path / "plays.parquet", times=times).pieces()

    assert [AT_MS] * 3 == piece.played_at_ms
    assert [AT_MS] == of_parquet.played_at_ms
    assert "played_at is '2020-09-13 14:26:40', which is no time" in fault_of(path)


def test_ways_to_write_a_time_may_be_mixed(tmp_path: Path) -> None:
    """A file that was put together from two sources is read row by row."""
    path = tmp_path / "plays.jsonl"
    times = ['"2020-09-13T12:26:40Z"', "1600000000", "1600000000000", "1600000000.5"]
    path.write_text("".join(f'{{"user_id":7,"item_id":"x","played_at":{at}}}\n' for at in times))

    (piece,) = read_all(path)

    assert ["7"] * 4 == piece.user_ids
    assert [AT_MS, AT_MS, AT_MS, AT_MS + 500] == piece.played_at_ms


def test_a_parquet_time_without_a_zone_is_utc(tmp_path: Path) -> None:
    """Such columns are written by tools that mean UTC; numbers serve as ids."""
    path = tmp_path / "plays.parquet"
    at = pa.array([datetime.fromtimestamp(AT_MS / 1000, UTC).replace(tzinfo=None)], pa.timestamp("ns"))
    pq.write_table(pa.table({"played_at": at, "item_id": [5], "user_id": [7]}), path)

    (piece,) = read_all(path)

    assert ["7"] == piece.user_ids
    assert ["5"] == piece.item_ids
    assert [AT_MS] == piece.played_at_ms


def test_other_columns_are_named_and_optional_ones_read(tmp_path: Path) -> None:
    """An empty optional value is a missing one; unknown columns are ignored with any content."""
    path = write_csv(tmp_path, f'u,"a title",i,t,ms_played,play_id\nann,"b\nc",x,{AT},1500,p1\nbob,,y,{AT},,\n')

    (piece,) = read_all(path, user_id="u", item_id="i", played_at="t")

    assert (
        PlaysPiece(1, ["ann", "bob"], ["x", "y"], [AT_MS] * 2, [1500, None], [None] * 2, ["p1", None], [None] * 2)
        == piece
    )


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_reading_goes_on_from_a_row(tmp_path: Path, ending: str) -> None:
    """Rows are counted from 1, and a piece knows where it begins."""
    pieces = read_all(write_rows(tmp_path, ending), first_row=3)

    assert [(3, ["ann"], ["z"])] == [piece[:3] for piece in pieces]
    assert [] == read_all(write_rows(tmp_path, ending), first_row=4)


@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
def test_a_long_file_comes_in_pieces_of_bounded_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    """No piece is longer than the bound, none overlaps another, none is missing."""
    monkeypatch.setattr("streams.files.plays_file.PIECE_ROWS", 7)
    monkeypatch.setattr("streams.files.csv_tables.BLOCK_BYTES", 512)
    monkeypatch.setattr("streams.files.json_lines.BLOCK_BYTES", 512)
    path = tmp_path / f"plays{ending}"
    if ending == ".csv":
        path.write_text("user_id,item_id,played_at\n" + "".join(f"ann,{n},1600000000\n" for n in range(100)))
    else:
        path.write_text("".join(f'{{"user_id":"ann","item_id":"{n}","played_at":1600000000}}\n\n' for n in range(100)))

    pieces = read_all(path, first_row=6)

    assert [str(n) for n in range(5, 100)] == [item for piece in pieces for item in piece.item_ids]
    assert max(piece.n_plays for piece in pieces) == 7
    assert all(str(piece.first_row - 1) == piece.item_ids[0] for piece in pieces)


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("name", ["plays", "plays.txt", "plays.csv.gz", "plays.jsonl"])
def test_the_name_of_a_file_does_not_matter(tmp_path: Path, ending: str, name: str) -> None:
    """Downloads often have another one."""
    path = tmp_path / name
    path.write_bytes(write_rows(tmp_path, ending).read_bytes())

    assert ["x", "y", "z"] == read_all(path)[0].item_ids


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_text_with_a_byte_order_mark_is_read(tmp_path: Path, encoding: str) -> None:
    """Spreadsheets write one."""
    path = tmp_path / "plays.csv"
    mark = "\ufeff" if encoding == "utf-16-le" else ""
    path.write_bytes(f"{mark}user_id,item_id,played_at\nb\u00e9n,x,{AT}\n".encode(encoding))

    assert ["b\u00e9n"] == read_all(path)[0].user_ids


def test_what_each_is_may_be_told(tmp_path: Path) -> None:
    """In a column of its own; an empty type is a play, and an invalid one is reported with its row."""
    path = write_csv(tmp_path, f"user_id,item_id,played_at,type\nann,x,{AT},like\nbob,y,{AT},\n")

    (piece,) = read_all(path)

    assert ["like", None] == piece.types
    bad = write_csv(tmp_path, f"user_id,item_id,played_at,type\nann,x,{AT},like\nbob,y,{AT},No Type\n")
    said = "type is 'No Type', which is no type of 1 to 32 small letters, digits, _ and -."
    assert f"Row 2 of {bad}: {said}" == fault_of(bad)


def test_an_ambiguous_time_counts_once(tmp_path: Path) -> None:
    """Also among times whose column has to be read row by row."""
    times = LocalTimes(ZoneInfo("Europe/Oslo"))
    rows = ["ann,x,2023-10-29 02:30:00", "ann,y,yesterday", "ann,z,2023-03-26 02:30:00"]
    path = write_csv(tmp_path, "\n".join(["user_id,item_id,played_at", *rows, ""]))

    list(PlaysFile(path, times=times).pieces(1, lambda *_: None))

    assert 1 == times.n_ambiguous
    assert 1 == times.n_missing
