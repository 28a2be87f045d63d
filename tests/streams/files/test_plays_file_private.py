"""Private plays in files: they are left out, and no message shows their content."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from streams.files.errors import PlaysFileError
from streams.files.play_columns import RULES
from streams.files.play_tables import Columns
from streams.files.plays_file import PlaysFile
from streams.files.plays_piece import LEFT_OUT
from tests.streams.files.plays_files import AT, fault_of, write_csv


@pytest.mark.parametrize("line", ['{"user_id":["ann"],"private":true}', 'private "user_id":"ann', '{"private":[1]}'])
def test_nothing_of_a_line_that_may_be_private_is_reported(tmp_path: Path, line: str) -> None:
    """A line that cannot be read may have the mark all the same."""
    path = tmp_path / "plays.jsonl"
    path.write_text(f'{{"user_id":"ann","item_id":"x","played_at":"{AT}"}}\n{line}\n')
    contents: list[Any] = []

    (piece,) = PlaysFile(path).pieces(1, lambda *row: contents.append(row[2]), lambda _: contents.append(None))

    assert [None, LEFT_OUT] == piece.types
    assert [None] == contents


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


@pytest.mark.parametrize("header", ["Private", "PRIVATE", " private"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_mark_of_a_private_play_is_read_in_any_letter_case(tmp_path: Path, header: str, delimiter: str) -> None:
    """A spreadsheet spells headers and separates values in its own way; a private play must not be learnt for that."""
    rows = [["user_id", "item_id", "played_at", header], ["ann", "x", AT, "true"], ["ann", "y", AT, ""]]
    path = write_csv(tmp_path, "".join(delimiter.join(row) + "\n" for row in rows))

    (piece,) = PlaysFile(path).pieces()

    assert [LEFT_OUT, None] == piece.types


@pytest.mark.parametrize("name", ["Private", "PRIVATE"])
@pytest.mark.parametrize("item_id", ["x", ["x"]], ids=["a play", "a line that cannot be read"])
def test_the_mark_of_a_line_is_read_in_any_letter_case(tmp_path: Path, name: str, item_id: Any) -> None:
    """The content of such a line is not reported, either."""
    path, contents = tmp_path / "plays.jsonl", list[Any]()
    rows = [{"user_id": "ann", "item_id": item_id, "played_at": AT, "private": None, name: True}]
    rows += [{"user_id": "ann", "item_id": "y", "played_at": AT, "meta": {name: True}}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))

    (piece,) = PlaysFile(path).pieces(on_bad=lambda *row: contents.append(row[2]))

    assert [LEFT_OUT, None] == piece.types
    assert [] == contents


def test_a_column_that_the_caller_names_must_be_there(tmp_path: Path) -> None:
    """Otherwise a misspelt name would have private plays learnt."""
    path = write_csv(tmp_path, f"user_id,item_id,played_at,hidden\nann,x,{AT},true\n")

    expected = f"{path} has no column hide, only user_id, item_id, played_at, hidden: correct its option."
    assert expected == fault_of(path, private="hide")


def test_two_columns_of_one_name_are_an_error(tmp_path: Path) -> None:
    """Neither is taken for the right one."""
    path = write_csv(tmp_path, f"user_id,item_id,played_at,Private,PRIVATE\nann,x,{AT},true,false\n")

    expected = f"{path} has several columns private, Private, PRIVATE: rename all but one."
    assert expected == fault_of(path)


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
