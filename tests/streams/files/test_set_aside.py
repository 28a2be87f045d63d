"""Rows that are no plays, counted and written within bounds."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streams.files.plays_piece import PlaysPiece
from streams.files.set_aside import HeldRows, SetAside


def lines_of(path: Path) -> list[Any]:
    """Return the lines of the file of rows set aside."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_row_is_written_with_its_place_and_reason(tmp_path: Path) -> None:
    """Its content as it stood in the file; nothing of it if it must not be written."""
    path = tmp_path / "aside.jsonl"
    with SetAside(path) as aside:
        aside.add("a.json", 3, "rows without a time", {"ts": None})
        aside.add("a.json", 4, "plays of private sessions")

    assert [
        {"file": "a.json", "row": 3, "reason": "rows without a time", "content": '{"ts":null}'},
        {"file": "a.json", "row": 4, "reason": "plays of private sessions", "content": None},
    ] == lines_of(path)
    assert f"Set aside: rows without a time (1), plays of private sessions (1). See {path}." == aside.describe()


def test_a_kill_loses_no_row_and_cuts_none(tmp_path: Path) -> None:
    """Each row is in the file before the next one is read: a process that is killed does not close it."""
    path = tmp_path / "aside.jsonl"
    with SetAside(path) as aside:
        for row in (1, 2):
            aside.add("a.json", row, "rows without a time", {"ts": None})

            assert row == len(lines_of(path))


def test_nothing_set_aside_leaves_no_file(tmp_path: Path) -> None:
    """And no sentence."""
    with SetAside(tmp_path / "aside.jsonl") as aside:
        assert "" == aside.describe()

    assert [] == [*tmp_path.iterdir()]


def test_rows_beyond_the_limit_are_counted_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of a million rows that are no plays fills no disk."""
    monkeypatch.setattr("streams.files.set_aside.ROWS_MAX", 2)
    path = tmp_path / "aside.jsonl"
    with SetAside(path) as aside:
        for row in range(5):
            aside.add("a", row, "rows")

    assert 2 == len(lines_of(path))
    assert f"Set aside: rows (5). The first 2 are in {path}." == aside.describe()


def test_reasons_have_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Further reasons count as others."""
    monkeypatch.setattr("streams.files.set_aside.REASONS_MAX", 1)
    with SetAside(tmp_path / "aside.jsonl") as aside:
        for reason in ("a", "b", "a", "c"):
            aside.add("f", 1, reason)

    assert {"a": 2, "other reasons": 2} == aside.counts


@pytest.mark.parametrize("content", [b"\xff" * 9000, "\ud800" * 9000, {"a": "x" * 9000}, {"a": float("nan")}, object()])
def test_any_content_is_written_shortened(tmp_path: Path, content: Any) -> None:
    """Bytes, text that is no text, and values that are no JSON."""
    path = tmp_path / "aside.jsonl"
    with SetAside(path) as aside:
        aside.add("a", 1, "rows", content)

    (line,) = lines_of(path)
    assert 0 < len(line["content"].encode()) <= 4096


def test_a_later_run_goes_on_with_the_file(tmp_path: Path) -> None:
    """If the caller says so; otherwise it begins anew."""
    path = tmp_path / "aside.jsonl"
    for appends in (False, True, True):
        with SetAside(path, appends=appends) as aside:
            aside.add("a", 1, "rows")

    assert 3 == len(lines_of(path))


def piece_of(first_row: int, n: int) -> PlaysPiece:
    """Return plays of nobody."""
    nothing: list[Any] = [None] * n
    return PlaysPiece(first_row, ["ann"] * n, ["x"] * n, [0] * n, nothing, nothing, nothing, nothing)


def test_rows_are_set_aside_only_up_to_the_row_to_resume_at(tmp_path: Path) -> None:
    """In their order, however they were held; a resumed replay reads the others again."""
    path = tmp_path / "aside.jsonl"
    with SetAside(path) as aside:
        held = HeldRows(aside, "plays.csv")

        def read() -> Iterator[PlaysPiece]:
            for row in (2, 1, 4):
                held.add(row, "rows")
            yield piece_of(1, 4)
            held.add(5, "rows")
            yield piece_of(5, 4)

        assert [1, 5] == [piece.first_row for piece in held.of(read())]
        held.settle(3)
        assert 2 == aside.n_rows
        held.settle(5)

    assert [("plays.csv", 1), ("plays.csv", 2), ("plays.csv", 4)] == [
        (row["file"], row["row"]) for row in lines_of(path)
    ]


def test_a_file_whose_name_is_no_utf_8_is_written(tmp_path: Path) -> None:
    """With its bytes escaped, also in the sentence."""
    path = tmp_path / "aside\udcff.jsonl"
    with SetAside(path) as aside:
        aside.add("caf\udce9.csv", 1, "rows")

    assert "caf\\udce9.csv" == lines_of(path)[0]["file"]
    assert f"Set aside: rows (1). See {tmp_path}/aside\\udcff.jsonl." == aside.describe()


@pytest.mark.parametrize("content", ["\u00e9" * 9000, {"a": "\u00e9" * 9000}, "\ud800" * 9000, b"\xff" * 9000])
def test_the_limit_of_a_row_is_in_bytes(tmp_path: Path, content: Any) -> None:
    """Letters of several bytes fill no more than others, and none is cut in two."""
    path = tmp_path / "aside.jsonl"
    with SetAside(path) as aside:
        aside.add("a", 1, "rows", content)

    written = lines_of(path)[0]["content"].encode()
    assert 4094 <= len(written) <= 4096
