"""Values, columns and files that cannot be read."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from streams.files.errors import PlaysFileError
from streams.files.plays_file import PlaysFile
from streams.files.plays_piece import LEFT_OUT, PlaysPiece
from tests.streams.files.plays_files import AT, fault_of, write_csv

TIME_RULE = "in RFC 3339 with its zone or in epoch seconds or milliseconds."
ID_RULE = "which is no id of 1 to 128 printable characters."


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (f",x,{AT}", f"user_id is '', {ID_RULE}"),
        (f"ann,a\x07b,{AT}", f"item_id is 'a\\x07b', {ID_RULE}"),
        ("ann,x,", "played_at is '', which is no time from"),
        ("ann,x,yesterday", "played_at is 'yesterday', which is no time from"),
        ("ann,x,2020-09-13T12:26:40", "played_at is '2020-09-13T12:26:40', which is no time from"),
        ("ann,x,nan", "played_at is 'nan', which is no time from"),
        ("ann,x,9999-01-01T00:00:00Z", "played_at is '9999-01-01T00:00:00Z', which is no time from"),
    ],
)
def test_a_value_that_cannot_be_read_is_told_with_its_row(tmp_path: Path, row: str, sentence: str) -> None:
    """The row, the column, the value, and the expected form."""
    path = write_csv(tmp_path, f"user_id,item_id,played_at\nann,x,{AT}\n{row}\n")

    said = fault_of(path)

    assert said.startswith(f"Row 2 of {path}: {sentence}")
    assert said.endswith((TIME_RULE, ID_RULE))


def test_bytes_that_are_no_text_are_told_with_their_row(tmp_path: Path) -> None:
    """Invalid UTF-8 is shown escaped."""
    path = tmp_path / "plays.csv"
    path.write_bytes(f"user_id,item_id,played_at\nann,x,{AT}\nbob,\xff,{AT}\n".encode("latin-1"))

    assert f"Row 2 of {path}: item_id is '\\\\xff', {ID_RULE}" == fault_of(path)


SPOILT = [
    ("no JSON", "rows that cannot be read: JSON is malformed: "),
    ('{"user_id":"ann"}', "rows that cannot be read: Object missing required field item_id"),
    (f'{{"user_id":["ann"],"item_id":"x","played_at":"{AT}"}}', "rows that cannot be read: Expected "),
    ('{"user_id":"ann","item_id":"x","played_at":{}}', "rows that cannot be read: Expected "),
    (f'{{"user_id":"","item_id":"x","played_at":"{AT}"}}', "rows whose user_id is no id"),
    (f'{{"user_id":"ann","item_id":"x","played_at":"{AT}","type":[1]}}', "rows that cannot be read: Expected "),
]


@pytest.mark.parametrize(("line", "reason"), SPOILT, ids=range(len(SPOILT)))
def test_a_line_that_is_no_play_is_set_aside(tmp_path: Path, line: str, reason: str) -> None:
    """With its row, its reason and its text; the lines around it count."""
    path = tmp_path / "plays.jsonl"
    good = f'{{"user_id":"ann","item_id":"x","played_at":"{AT}"}}'
    path.write_text(f"{good}\n{line}\n{good}\n")
    bad: list[tuple[int, str, Any]] = []

    (piece,) = PlaysFile(path).pieces(1, lambda *row: bad.append(row))

    assert [None, LEFT_OUT, None] == piece.types
    ((row, said, content),) = bad
    assert 2 == row
    assert said.startswith(reason)
    assert content is not None


@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
@pytest.mark.parametrize("n_lost", [1, 200, 3000])
def test_the_whole_rows_before_damage_are_read(tmp_path: Path, ending: str, n_lost: int) -> None:
    """The error says how many there were; a row that is cut is none of them."""
    path = tmp_path / f"plays{ending}.gz"
    if ending == ".csv":
        text = "user_id,item_id,played_at\n" + "".join(f"ann,item-{n},{1_600_000_000 + n}\n" for n in range(2000))
    else:
        text = "".join(
            f'{{"user_id":"ann","item_id":"item-{n}","played_at":{1_600_000_000 + n}}}\n' for n in range(2000)
        )
    path.write_bytes(gzip.compress(text.encode())[:-n_lost])
    pieces: list[PlaysPiece] = []

    with pytest.raises(PlaysFileError) as caught:
        pieces.extend(PlaysFile(path).pieces())

    items = [item for piece in pieces for item in piece.item_ids]
    assert [f"item-{n}" for n in range(len(items))] == items
    assert items
    assert str(caught.value).endswith(f" {len(items):,} of its rows were read before.")


def test_rows_with_wrong_values_may_be_left_out(tmp_path: Path) -> None:
    """Each is reported with its row and reason, and the others keep their rows."""
    rows = ["ann,,1600000000", "ann,x,yesterday", "ann,y,1600000002", ",z,1600000003", "bob,z,1600000004"]
    path = write_csv(tmp_path, "\n".join(["user_id,item_id,played_at", *rows, ""]))
    bad: list[tuple[int, str, Any]] = []

    (piece,) = PlaysFile(path).pieces(2, lambda *row: bad.append(row))

    assert [2, 4] == [row for row, _, _ in bad]
    assert bad[0][1].startswith("rows whose played_at is no time from 1990 to 2099")
    assert {"user_id": "ann", "item_id": "x", "played_at": "yesterday"} == bad[0][2]
    assert [LEFT_OUT, None, LEFT_OUT, None] == piece.types
    assert 2 == piece.first_row
    assert [1_600_000_002_000, 1_600_000_002_000, 1_600_000_003_000, 1_600_000_004_000] == piece.played_at_ms


def test_a_missing_column_names_the_option(tmp_path: Path) -> None:
    """The columns of the file are in the sentence."""
    path = write_csv(tmp_path, "user,item_id,played_at\n")

    expected = f"{path} has no column user_id, only user, item_id, played_at: name the right one with --user-column."
    assert expected == fault_of(path)


def spoil_csv(path: Path) -> str:
    """Write a row with a column too many."""
    path.write_text(f"user_id,item_id,played_at\nann,x,{AT}\nann,x,{AT},more\n")
    return f"Row 2 of {path} is no play (4 columns instead of 3): correct the line."


def spoil_json(path: Path) -> str:
    """Write a line that lacks a field."""
    path.write_text(f'{{"user_id":"a","item_id":"x","played_at":"{AT}"}}\n{{"user_id":"a"}}\n')
    return f"Row 2 of {path} is no play (Object missing required field item_id): correct the line."


def spoil_gzip(path: Path) -> str:
    """Cut a compressed file short."""
    path.write_bytes(gzip.compress(b"user_id,item_id,played_at\n" * 99)[:20])
    reason = "Compressed file ended before the end-of-stream marker was reached"
    return f"{path} cannot be read after 9 bytes ({reason}): fetch it again, or repair it."


def leave_out(path: Path) -> str:
    """Write nothing."""
    return f"{path} does not exist."


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("a.csv", spoil_csv),
        ("a.jsonl", spoil_json),
        ("a.csv.gz", spoil_gzip),
        ("a.csv", leave_out),
        ("a.jsonl", leave_out),
    ],
)
def test_a_damaged_file_is_a_sentence(tmp_path: Path, name: str, spoil: Callable[[Path], Any]) -> None:
    """With the row where there is one."""
    path = tmp_path / name

    sentence = spoil(path)

    assert sentence == fault_of(path)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"\x00\x01\x02", "is no file of plays: it is neither CSV, nor JSON lines, nor Parquet."),
        (b"[{}]", "is a JSON array: write one JSON object a line instead, one for each play."),
        (b"PK\x03\x04" + bytes(30), "is an archive of several files: name the file of plays in it."),
        (b"PAR1" + bytes(30), "cannot be "),
        (b"", "is empty: fetch it again."),
    ],
)
def test_a_file_of_another_kind_is_a_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    """By its content; the name does not matter."""
    path = tmp_path / "plays.csv"
    path.write_bytes(content)

    assert fault_of(path).startswith(f"{path} {sentence}")


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_parquet_text_that_is_no_utf_8_is_told_with_its_row(tmp_path: Path, kind: pa.DataType) -> None:
    """Parquet promises UTF-8, and its readers do not check it."""
    path = tmp_path / "plays.parquet"
    binary = pa.array([b"x", b"\xff"])
    text = pa.Array.from_buffers(pa.string(), 2, binary.buffers())
    if pa.types.is_dictionary(kind):
        items = pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int32()), text)
    else:
        items = (
            text
            if kind == pa.string()
            else pa.Array.from_buffers(pa.large_string(), 2, binary.cast(pa.large_binary()).buffers())
        )
    times = pa.array([1_600_000_000] * 2)
    pq.write_table(pa.table({"user_id": ["ann", "ann"], "item_id": items, "played_at": times}), path)

    assert f"Row 2 of {path}: item_id is '\\\\xff', {ID_RULE}" == fault_of(path)
