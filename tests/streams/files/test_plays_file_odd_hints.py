"""Optional fields with impossible values: they are left out and counted, and the play counts."""

import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from streams.files.plays_file import PlaysFile
from streams.files.plays_piece import LEFT_OUT
from tests.streams.files.plays_files import AT, write_csv


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


ODD_HINTS = [
    '"ms_played": {}', '"duration_ms": [1]', '"ms_played": 12.5', '"duration_ms": true', '"play_id": {"a": 1}',
    '"play_id": "a\\u0007b"', f'"play_id": "{"x" * 200}"', '"ms_played": "abc"', '"play_id": false',
]  # fmt: skip


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


def test_a_row_that_is_left_out_has_no_odd_length(tmp_path: Path) -> None:
    """It counts once, as a row set aside."""
    rows = [f"ann,,{AT},3:20", f"ann,,{AT},-1", f"ann,x,{AT},-1"]
    path = write_csv(tmp_path, "\n".join(["user_id,item_id,played_at,ms_played", *rows, ""]))
    plays = PlaysFile(path, odd_hints=Counter())

    (piece,) = plays.pieces(1, lambda *_: None)

    assert [LEFT_OUT, LEFT_OUT, None] == piece.types
    assert {"ms_played": 1} == plays.odd_hints
