"""Files of plays in every format, whole and damaged."""

import gzip
import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from streams.files.play_columns import LEFT_OUT, RULES, PlaysFileError, PlaysPiece
from streams.files.play_tables import Columns
from streams.files.plays_file import PlaysFile
from streams.files.times import LocalTimes

AT = "2020-09-13T12:26:40Z"
AT_MS = 1_600_000_000_000
ROWS = [("ann", "x", AT), ("bob", "y", AT), ("ann", "z", AT)]


def write_csv(folder: Path, text: str) -> Path:
    """Write a CSV file."""
    path = folder / "plays.csv"
    path.write_text(text)
    return path


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


def fault_of(path: Path, **columns: str) -> str:
    """Return the sentence about a file that cannot be read."""
    with pytest.raises(PlaysFileError) as caught:
        list(PlaysFile(path, Columns(**columns)).pieces())
    return str(caught.value)


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
    monkeypatch.setattr("streams.files.play_tables.BLOCK_BYTES", 512)
    path = tmp_path / f"plays{ending}"
    if ending == ".csv":
        path.write_text("user_id,item_id,played_at\n" + "".join(f"ann,{n},1600000000\n" for n in range(100)))
    else:
        path.write_text("".join(f'{{"user_id":"ann","item_id":"{n}","played_at":1600000000}}\n\n' for n in range(100)))

    pieces = read_all(path, first_row=6)

    assert [str(n) for n in range(5, 100)] == [item for piece in pieces for item in piece.item_ids]
    assert max(piece.n_plays for piece in pieces) == 7
    assert all(str(piece.first_row - 1) == piece.item_ids[0] for piece in pieces)


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
    """The row, the column, the value, and what should stand there."""
    path = write_csv(tmp_path, f"user_id,item_id,played_at\nann,x,{AT}\n{row}\n")

    said = fault_of(path)

    assert said.startswith(f"Row 2 of {path}: {sentence}")
    assert said.endswith((TIME_RULE, ID_RULE))


def test_bytes_that_are_no_text_are_told_with_their_row(tmp_path: Path) -> None:
    """Invalid UTF-8 is shown escaped."""
    path = tmp_path / "plays.csv"
    path.write_bytes(f"user_id,item_id,played_at\nann,x,{AT}\nbob,\xff,{AT}\n".encode("latin-1"))

    assert f"Row 2 of {path}: item_id is '\\\\xff', {ID_RULE}" == fault_of(path)


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_a_length_that_cannot_be_is_missing_and_counted(tmp_path: Path, ending: str) -> None:
    """Players write -1 for unknown; the play counts without it."""
    rows = [("-1", "1000"), ("86400001", "-5"), ("", ""), ("0", "86400000")]
    path = tmp_path / f"plays{ending}"
    columns = {"user_id": ["ann"] * 4, "item_id": ["x"] * 4, "played_at": [1_600_000_000] * 4}
    lengths = {name: [row[at] for row in rows] for at, name in enumerate(("ms_played", "duration_ms"))}
    if ending == ".csv":
        path.write_text(
            "user_id,item_id,played_at,ms_played,duration_ms\n" + "".join(f"ann,x,{AT},{a},{b}\n" for a, b in rows)
        )
    else:
        numbers = {name: [int(text) if text else None for text in texts] for name, texts in lengths.items()}
        table = pa.table(columns | numbers)
        if ending == ".parquet":
            pq.write_table(table, path)
        else:
            path.write_text("".join(f"{json.dumps(row)}\n" for row in table.to_pylist()))
    plays = PlaysFile(path, odd_hints=Counter())

    (piece,) = plays.pieces()

    assert [None, None, None, 0] == piece.ms_played
    assert [1000, None, None, 86_400_000] == piece.duration_ms
    assert {"ms_played": 2, "duration_ms": 1} == plays.odd_hints


@pytest.mark.parametrize("written", ["abc", "12.5", "3:20", "nan", "1e300", "-0.5", "true"])
@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_a_length_that_is_no_number_costs_the_length(tmp_path: Path, written: str, ending: str) -> None:
    """It is counted, and the play counts without it, as one that a producer sends."""
    path = tmp_path / f"plays{ending}"
    rows = [("ann", "x", AT, written), ("ann", "y", AT, "1500")]
    if ending == ".csv":
        path.write_text(
            "".join(",".join(row) + "\n" for row in [("user_id", "item_id", "played_at", "ms_played"), *rows])
        )
    elif ending == ".jsonl":
        path.write_text(
            "".join(
                f'{{"user_id":"{u}","item_id":"{i}","played_at":"{at}","ms_played":{json.dumps(ms)}}}\n'
                for u, i, at, ms in rows
            )
        )
    else:
        columns = zip(*rows, strict=True)
        names = ("user_id", "item_id", "played_at", "ms_played")
        pq.write_table(pa.table(dict(zip(names, map(list, columns), strict=True))), path)
    plays = PlaysFile(path, odd_hints=Counter())

    (piece,) = plays.pieces()

    assert [None, None] == piece.types
    assert [None, 1500] == piece.ms_played
    assert {"ms_played": 1} == plays.odd_hints


ODD_HINTS = ['"ms_played": {}', '"duration_ms": [1]', '"ms_played": 12.5', '"duration_ms": true', '"play_id": {"a": 1}']
ODD_HINTS += ['"play_id": "a\\u0007b"', f'"play_id": "{"x" * 200}"', '"ms_played": "abc"', '"play_id": false']


@pytest.mark.parametrize("hint", ODD_HINTS)
def test_an_odd_hint_of_a_line_costs_the_hint(tmp_path: Path, hint: str) -> None:
    """Of any kind that JSON has."""
    path = tmp_path / "plays.jsonl"
    path.write_text(f'{{"user_id":"ann","item_id":"x","played_at":"{AT}",{hint}}}\n')
    plays = PlaysFile(path, odd_hints=Counter())

    (piece,) = plays.pieces()

    assert [[None]] * 4 == [piece.ms_played, piece.duration_ms, piece.play_ids, piece.types]
    assert 1 == (plays.odd_hints or Counter()).total()


def test_a_parquet_column_of_another_kind_costs_the_hints(tmp_path: Path) -> None:
    """Lists and times are no lengths, and fractions are none either."""
    for values in ([[1], None], [12.5, 1500.0], [{"a": 1}, None], [True, None]):
        path = tmp_path / "plays.parquet"
        table = {"user_id": ["ann"] * 2, "item_id": ["x", "y"], "played_at": [1_600_000_000] * 2, "ms_played": values}
        pq.write_table(pa.table(table), path)
        plays = PlaysFile(path, odd_hints=Counter())

        (piece,) = plays.pieces()

        assert piece.ms_played in ([None, None], [None, 1500])
        assert {"ms_played": 1} == plays.odd_hints


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


@pytest.mark.parametrize("line", ['{"user_id":["ann"],"private":true}', 'private "user_id":"ann', '{"private":[1]}'])
def test_nothing_of_a_line_that_may_be_private_is_reported(tmp_path: Path, line: str) -> None:
    """A line that cannot be read may have the mark all the same."""
    path = tmp_path / "plays.jsonl"
    path.write_text(f'{{"user_id":"ann","item_id":"x","played_at":"{AT}"}}\n{line}\n')
    contents: list[Any] = []

    (piece,) = PlaysFile(path).pieces(1, lambda *row: contents.append(row[2]), lambda _: contents.append(None))

    assert [None, LEFT_OUT] == piece.types
    assert [None] == contents


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
    """What the file has instead stands in the sentence."""
    path = write_csv(tmp_path, "user,item_id,played_at\n")

    expected = f"{path} has no column user_id, only user, item_id, played_at: name the right one with --user-column."
    assert expected == fault_of(path)


def spoil_csv(path: Path) -> str:
    """Write a row with a column too many."""
    path.write_text(f"user_id,item_id,played_at\nann,x,{AT}\nann,x,{AT},more\n")
    return f"Row 2 of {path} has 4 columns instead of 3: correct the row."


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


FLAGS = [True, False, None, True]


def write_flags(folder: Path, ending: str) -> Path:
    """Write four plays, of which the first and the last are private."""
    path = folder / f"plays{ending}"
    rows = [{"user_id": "ann", "item_id": f"i{row}", "played_at": 1_600_000_000} for row in range(4)]
    if ending == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows).append_column("private", pa.array(FLAGS)), path)
    elif ending == ".jsonl":
        path.write_text(
            "".join(json.dumps(row | {"private": flag}) + "\n" for row, flag in zip(rows, FLAGS, strict=True))
        )
    else:
        spelled = ("True", "0", "", "1")
        lines = [",".join([*map(str, row.values()), flag]) for row, flag in zip(rows, spelled, strict=True)]
        path.write_text("\n".join(["user_id,item_id,played_at,private", *lines]))
    return path


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_private_plays_are_left_out_and_reported(tmp_path: Path, ending: str) -> None:
    """By their rows alone; a dump of the topic of plays has them."""
    private: list[int] = []

    (piece,) = PlaysFile(write_flags(tmp_path, ending)).pieces(on_private=private.append)

    assert [LEFT_OUT, None, None, LEFT_OUT] == piece.types
    assert [1, 4] == private


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_private_plays_count_if_the_caller_asks(tmp_path: Path, ending: str) -> None:
    """They are plays like others then."""
    (piece,) = PlaysFile(write_flags(tmp_path, ending), learns_private=True).pieces()

    assert [None] * 4 == piece.types


def test_another_column_may_tell_private_plays(tmp_path: Path) -> None:
    """The caller names it."""
    path = write_csv(tmp_path, f"user_id,item_id,played_at,hidden\nann,x,{AT},true\n")

    (piece,) = PlaysFile(path, Columns(private="hidden")).pieces()

    assert [LEFT_OUT] == piece.types


@pytest.mark.parametrize("flag", ["yes", "2", "0.5", "-"])
def test_a_flag_that_spells_neither_is_told_with_its_row(tmp_path: Path, flag: str) -> None:
    """The play may be private, so no value of the row is shown."""
    path = write_csv(tmp_path, f"user_id,item_id,played_at,private\nann,x,{AT},0\nann,y,{AT},{flag}\n")

    assert f"Row 2 of {path}: private is neither true nor false." == fault_of(path)


def test_the_content_of_a_row_that_may_be_private_is_not_reported(tmp_path: Path) -> None:
    """Other wrong values in it do not matter; the rows around it are reported with theirs."""
    rows = [f"ann,secret,{AT},perhaps", f"ann,,{AT},true", f",secret,{AT},perhaps", f"ann,,{AT},false"]
    path = write_csv(tmp_path, "\n".join(["user_id,item_id,played_at,private", *rows, ""]))
    bad: list[tuple[int, str, Any]] = []
    private: list[int] = []

    (piece,) = PlaysFile(path).pieces(1, lambda *row: bad.append(row), private.append)

    flag = "rows whose private is neither true nor false"
    assert [(1, flag, None), (3, flag, None)] == bad[:2]
    assert {"user_id": "ann", "item_id": "", "played_at": AT, "private": "false"} == bad[2][2]
    assert [2] == private
    assert [LEFT_OUT] * 4 == piece.types


TYPED = "user_id,item_id,played_at,type,private"


def test_a_user_request_that_is_marked_private_stays_one(tmp_path: Path) -> None:
    """Workers ignore the mark, too."""
    path = write_csv(tmp_path, f"{TYPED}\nann,x,{AT},hide,true\n")

    (piece,) = PlaysFile(path, sends_requests=True).pieces()

    assert ["hide"] == piece.types


@pytest.mark.parametrize("kind", ["pause", "hide", "forget"])
def test_a_players_event_that_is_marked_private_is_left_out(tmp_path: Path, kind: str) -> None:
    """Without user requests in the file, its type says nothing of the mark, whether its values fit or not."""
    path = write_csv(tmp_path, f"{TYPED}\nann,secret,{AT},{kind},true\nann,secret,secret,{kind},true\n")
    private: list[int] = []

    (piece,) = PlaysFile(path).pieces(1, lambda *row: pytest.fail(str(row)), private.append)

    assert [LEFT_OUT] * 2 == piece.types
    assert [1, 2] == private


def test_the_content_of_a_private_user_request_is_not_reported(tmp_path: Path) -> None:
    """A value in it does not fit."""
    path = write_csv(tmp_path, f"{TYPED}\nann,secret,secret,hide,true\n")
    bad: list[tuple[int, str, Any]] = []

    (piece,) = PlaysFile(path, sends_requests=True).pieces(1, lambda *row: bad.append(row))

    assert [LEFT_OUT] == piece.types
    assert [(1, f"rows whose played_at {RULES['played_at'].mismatch}", None)] == bad


def test_a_wrong_value_in_a_private_play_ends_nothing(tmp_path: Path) -> None:
    """The play is left out. The first wrong row that is not private is named."""
    rows = [f"ann,,{AT},,true", "ann,x,secret,,1", f"ann,x,{AT},,", f"ann,x,{AT},No Type,", f"ann,,{AT},,0"]
    private: list[int] = []
    path = write_csv(tmp_path, "\n".join([TYPED, *rows[:3], ""]))

    (piece,) = PlaysFile(path).pieces(on_private=private.append)

    assert [LEFT_OUT, LEFT_OUT, None] == piece.types
    assert [1, 2] == private
    path = write_csv(tmp_path, "\n".join([TYPED, *rows, ""]))
    assert f"Row 4 of {path}: type is 'No Type', which {RULES['type'].mismatch}." == fault_of(path)


@pytest.mark.parametrize(("row", "field"), [("ann,secret,secret,hide,true", "played_at"), (",,,,secret", "private")])
def test_an_error_shows_no_value_of_a_row_that_may_be_private(tmp_path: Path, row: str, field: str) -> None:
    """A user request with the mark is not left out, and a word may be in the wrong column."""
    path = write_csv(tmp_path, f"{TYPED}\n{row}\n")

    with pytest.raises(PlaysFileError) as error:
        list(PlaysFile(path, sends_requests=True).pieces())

    assert f"Row 1 of {path}: {field} {RULES[field].mismatch}." == str(error.value)


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


def test_a_row_that_is_left_out_has_no_odd_length(tmp_path: Path) -> None:
    """It counts once, as a row set aside."""
    rows = [f"ann,,{AT},3:20", f"ann,,{AT},-1", f"ann,x,{AT},-1"]
    path = write_csv(tmp_path, "\n".join(["user_id,item_id,played_at,ms_played", *rows, ""]))
    plays = PlaysFile(path, odd_hints=Counter())

    (piece,) = plays.pieces(1, lambda *_: None)

    assert [LEFT_OUT, LEFT_OUT, None] == piece.types
    assert {"ms_played": 1} == plays.odd_hints


def test_an_ambiguous_time_counts_once(tmp_path: Path) -> None:
    """Also among times whose column has to be read row by row."""
    times = LocalTimes(ZoneInfo("Europe/Oslo"))
    rows = ["ann,x,2023-10-29 02:30:00", "ann,y,yesterday", "ann,z,2023-03-26 02:30:00"]
    path = write_csv(tmp_path, "\n".join(["user_id,item_id,played_at", *rows, ""]))

    list(PlaysFile(path, times=times).pieces(1, lambda *_: None))

    assert 1 == times.n_ambiguous
    assert 1 == times.n_missing
