"""Rows of CSV with another number of columns than the header."""

from pathlib import Path
from typing import Any

import pytest

from streams.files import csv_tables
from streams.files.catalog_file import CatalogColumns, read_items
from streams.files.errors import PlaysFileError
from streams.files.plays_file import PlaysFile
from streams.files.plays_piece import LEFT_OUT, PlaysPiece
from tests.streams.files.plays_files import write_csv

HEADER = "user_id,item_id,played_at"


def row(number: int) -> str:
    """Return a good row."""
    return f"ann,i{number},{1_600_000_000 + number}"


def read(path: Path, first_row: int = 1) -> tuple[list[PlaysPiece], list[tuple[int, str, Any]]]:
    """Return the pieces of a file, and its rows that are set aside."""
    aside: list[tuple[int, str, Any]] = []
    pieces = list(PlaysFile(path).pieces(first_row, lambda *bad: aside.append(bad)))
    return pieces, aside


def places_of(pieces: list[PlaysPiece]) -> list[tuple[int, str]]:
    """Return row and item of the plays that are sent."""
    return [
        (piece.first_row + at, item)
        for piece in pieces
        for at, (item, kind) in enumerate(zip(piece.item_ids, piece.types, strict=True))
        if kind != LEFT_OUT
    ]


ODD = [
    ("ann,x", "2 columns"), (f"{row(3)},more", "4 columns"), ("x", "1 column"), (",,,", "4 columns"),
    ('ann,"x\ny",1600000003,more', "4 columns"),
]  # fmt: skip


@pytest.mark.parametrize(("odd", "n_columns"), ODD, ids=range(len(ODD)))
@pytest.mark.parametrize("at", [1, 3, 5], ids=["first", "middle", "last"])
def test_a_row_with_another_number_of_columns_is_set_aside(tmp_path: Path, odd: str, n_columns: str, at: int) -> None:
    """With its number, its reason and its text; the rows around it are sent under their own numbers."""
    rows = [row(number) for number in range(1, 6)]
    rows[at - 1] = odd
    path = write_csv(tmp_path, "\n".join([HEADER, *rows, ""]))

    pieces, aside = read(path)

    assert [(at, f"rows that cannot be read: {n_columns} instead of 3", odd.encode())] == aside
    assert [(number, f"i{number}") for number in range(1, 6) if number != at] == places_of(pieces)


@pytest.mark.parametrize("odd", [b"ann,caf\xe9", b"ann,caf\xe9,1,more", b"\xff\xfe\xe9"])
def test_such_a_row_that_is_no_utf_8_is_set_aside_with_its_bytes(
    tmp_path: Path, odd: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    """Arrow's handler takes text, and prints an error about other bytes."""
    path = tmp_path / "plays.csv"
    others = "ann,café,1600000002\nann,日本,1600000003".encode(), b"bob,caf\xe9,1600000004"
    path.write_bytes(b"\n".join([HEADER.encode(), row(1).encode(), odd, *others, row(6).encode(), b""]))

    pieces, aside = read(path)

    assert [2, 5] == [number for number, _, _ in aside]
    assert odd == aside[0][2]
    assert {"user_id": "bob", "item_id": "caf\\xe9", "played_at": "1600000004"} == aside[1][2]
    assert [(1, "i1"), (3, "café"), (4, "日本"), (6, "i6")] == places_of(pieces)
    assert "" == capfd.readouterr().err


@pytest.mark.parametrize("block_bytes", [64, 200, 1 << 21])
def test_many_such_rows_keep_the_numbers_of_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_bytes: int
) -> None:
    """In blocks of any length, also such as have no good row; a blank line has no number."""
    monkeypatch.setattr(csv_tables, "BLOCK_BYTES", block_bytes)
    odd = {*range(1, 40), 77, 78, 79, 150, *range(260, 301)}
    rows = [f"ann,{number}" if number in odd else row(number) for number in range(1, 301)]
    rows[99] += "\n"
    path = write_csv(tmp_path, "\n".join([HEADER, *rows]))

    pieces, aside = read(path)
    later, later_aside = read(path, first_row=78)

    assert sorted(odd) == [number for number, _, _ in aside]
    assert [b"ann,%d" % number for number in sorted(odd)] == [content for _, _, content in aside]
    good = [(number, f"i{number}") for number in range(1, 301) if number not in odd]
    assert good == places_of(pieces)
    assert [place for place in good if place[0] >= 78] == places_of(later)
    assert [number for number in sorted(odd) if number >= 78] == [number for number, _, _ in later_aside]


def test_a_file_of_such_rows_alone_has_no_play(tmp_path: Path) -> None:
    """Every row is set aside."""
    pieces, aside = read(write_csv(tmp_path, f"{HEADER}\na,b\nc,d\n"))

    assert [] == places_of(pieces)
    assert [1, 2] == [number for number, _, _ in aside]


def test_nothing_of_such_a_row_is_reported_if_it_may_be_private(tmp_path: Path) -> None:
    """Which of its cells is the mark is not known."""
    path = write_csv(tmp_path, f"{HEADER},private\n{row(1)},false\nann,secret,1600000002,x,true\n{row(3)},\n")

    pieces, aside = read(path)

    assert [(2, "rows that cannot be read: 5 columns instead of 4", None)] == aside
    assert [(1, "i1"), (3, "i3")] == places_of(pieces)


def test_too_many_such_rows_end_the_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are held until the next good row, and the bound of that is named by the row behind it."""
    monkeypatch.setattr(csv_tables, "ODD_ROWS_MAX", 3)
    path = write_csv(tmp_path, "\n".join([HEADER, *["ann,x"] * 4, row(5)]))

    with pytest.raises(PlaysFileError) as caught:
        read(path)

    assert f"Row 4 of {path} has 2 columns instead of 3: correct the row." == str(caught.value)


def test_such_a_row_of_a_catalog_is_an_error(tmp_path: Path) -> None:
    """A catalog sets no row aside, since another record of the item would stay."""
    path = write_csv(tmp_path, "item_id,title\nx,Seven\ny,caf\u00e9,more\n")

    with pytest.raises(PlaysFileError) as caught:
        list(read_items(path, CatalogColumns()))

    assert f"Row 2 of {path} has 3 columns instead of 2: correct the row." == str(caught.value)


@pytest.mark.parametrize(
    "swallowing",
    ['ann,i2,1600000002,"Heroes', 'ann,"i2,1600000002,Heroes', '"ann,i2,1600000002,Heroes', 'ann,i2,"1600000002,x'],
    ids=["in another column", "in an id", "in the first column", "in a time"],
)
@pytest.mark.parametrize("n_behind", [1, 200_000], ids=["in one block", "over blocks"])
def test_a_quotation_mark_that_is_not_closed_is_an_error(tmp_path: Path, swallowing: str, n_behind: int) -> None:
    """Otherwise all lines behind it would be one row, and their plays would be lost without a word."""
    behind = [f"{row(number)},x" for number in range(3, 3 + n_behind)]
    path = write_csv(tmp_path, "\n".join([f"{HEADER},title", f"{row(1)},x", swallowing, *behind, ""]))

    with pytest.raises(PlaysFileError, match=r"^Row 2 of .* has a quotation mark that is not closed.* correct it\.$"):
        read(path)


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n\n"])
@pytest.mark.parametrize("title", ['"two\nlines"', '""', '"a ""b"""', 'a "b', "\u2404"])
def test_a_quotation_mark_that_is_closed_is_none(tmp_path: Path, title: str, end: str) -> None:
    """With lines inside of it or without, and however the file ends."""
    path = write_csv(tmp_path, f"{HEADER},title\n{row(1)},{title}\n{row(2)},{title}{end}")

    pieces, aside = read(path)

    assert [(1, "i1"), (2, "i2")] == places_of(pieces)
    assert [] == aside


def test_items_behind_such_a_mark_are_not_lost_either(tmp_path: Path) -> None:
    """A file of items may have a single column, too."""
    path = write_csv(tmp_path, 'item_id,title\na,x\nb,"y\nc,z\n')
    with pytest.raises(PlaysFileError, match=r"^Row 2 of .* has a quotation mark"):
        list(read_items(path, CatalogColumns()))

    path.write_text("item_id\na\nb\n")
    assert ["a", "b"] == [item.item_id for piece in read_items(path, CatalogColumns()) for item in piece]
