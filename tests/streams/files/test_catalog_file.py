"""Files of items in every format, whole and damaged."""

import gzip
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from streams.files.catalog_file import CatalogColumns, read_items
from streams.files.errors import PlaysFileError
from streams.messages.records import CatalogItem

FROM, FROM_MS = "2020-09-13T12:26:40Z", 1_600_000_000_000
UNTIL_MS = FROM_MS + 1000
ITEMS = [
    CatalogItem(
        item_id="x",
        title="A, song",
        artist="Ann",
        kind="song",
        available_from_ms=FROM_MS,
        available_until_ms=UNTIL_MS,
        tags=("slow", "jazz"),
    ),
    CatalogItem(item_id="y", kind="podcast"),
]


def write_items(folder: Path, ending: str) -> Path:
    """Write ITEMS in the format of an ending."""
    path = folder / f"items{ending}"
    if ending == ".parquet":
        at = [datetime.fromtimestamp(ms / 1000, UTC) for ms in (FROM_MS, UNTIL_MS)]
        columns: dict[str, Any] = {
            "item_id": ["x", "y"],
            "title": ["A, song", None],
            "artist": ["Ann", ""],
            "kind": ["song", "podcast"],
            "available_from": pa.array([at[0], None], pa.timestamp("us", "UTC")),
            "available_until": pa.array([at[1], None], pa.timestamp("us", "UTC")),
            "tags": [["slow", "jazz"], None],
        }
        pq.write_table(pa.table(columns), path)
    elif ".csv" in ending:
        text = "item_id,title,artist,kind,available_from,available_until,tags,ignored\n"
        text += f'x,"A, song",Ann,song,{FROM},{UNTIL_MS},slow|jazz,1\ny,,,podcast,,,,2\n'
        path.write_bytes(gzip.compress(text.encode()) if ending.endswith(".gz") else text.encode())
    else:
        rows: list[dict[str, Any]] = [
            {"item_id": "x", "title": "A, song", "artist": "Ann", "kind": "song", "tags": ["slow", "jazz"]},
            {"item_id": "y", "kind": "podcast", "available_from": None, "title": ""},
        ]
        rows[0] |= {"available_from": FROM, "available_until": UNTIL_MS}
        path.write_bytes(b"\n".join(map(msgspec.json.encode, rows)))
    return path


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".jsonl", ".ndjson", ".parquet"])
def test_every_format_tells_the_same_items(tmp_path: Path, ending: str) -> None:
    """Missing and empty fields are left out; unknown columns are ignored."""
    pieces = read_items(write_items(tmp_path, ending), CatalogColumns())

    assert ITEMS == [item for piece in pieces for item in piece]


def test_columns_have_the_names_that_are_given(tmp_path: Path) -> None:
    """All but the id may be missing."""
    path = tmp_path / "songs.csv"
    path.write_text("song,name\n7,Seven\n")

    (piece,) = read_items(path, CatalogColumns(item_id="song", title="name"))

    assert [CatalogItem(item_id="7", title="Seven")] == piece


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("item,title\nx,y\n", "{} has no column item_id, only item, title: name the right one with --item-column."),
        ('item_id\nx\n\n\'y\n""\n', "Row 3 of {}: item_id is '', which is no id of 1 to 128 printable characters."),
        (
            f"item_id,title\nx,{'t' * 513}\n",
            f"Row 1 of {{}}: title is '{'t' * 79}..., which is no text of at most 512 characters.",
        ),
        (f"item_id,kind\nx,{'k' * 65}\n", "which is no text of at most 64 characters."),
        ("item_id,available_from\nx,2020-01-01T00:00:00Z\ny,soon\n", "Row 2 of {}: available_from is 'soon', which is"),
        ("item_id,available_until\nx,9999-12-31T00:00:00Z\n", "which is no time from 1990 to 2099, in RFC 3339"),
        (f"item_id,tags\nx,{'|'.join('t' * 33)}\n", "which is no list of at most 32 words of at most 64 characters"),
        ("item_id,tags\nx,a|b\ny,a||b\n", "Row 2 of {}: tags is 'a||b', which is no list"),
    ],
)
def test_a_row_that_is_wrong_is_named(tmp_path: Path, text: str, sentence: str) -> None:
    """With the value and the expected form."""
    path = tmp_path / "items.csv"
    path.write_text(text)

    with pytest.raises(PlaysFileError) as caught:
        list(read_items(path, CatalogColumns()))

    assert sentence.format(path) in str(caught.value)


def test_a_line_that_is_no_item_is_named(tmp_path: Path) -> None:
    """JSON of another form."""
    path = tmp_path / "items.jsonl"
    path.write_text('{"item_id": "x"}\n{"title": "y"}\n')

    with pytest.raises(PlaysFileError) as caught:
        list(read_items(path, CatalogColumns()))

    assert str(caught.value).startswith(f"Row 2 of {path} is no item (Object missing required field item_id)")


def test_a_file_of_another_kind_is_said(tmp_path: Path) -> None:
    """The content tells the format."""
    path = tmp_path / "songs.csv"
    path.write_bytes(b"\x00\x01")
    with pytest.raises(PlaysFileError, match=r"songs\.csv is no file of items: it is neither CSV, nor JSON lines"):
        list(read_items(path, CatalogColumns()))


def test_what_a_file_may_hold_a_record_may() -> None:
    """The bounds of files are those of the record."""
    longest = CatalogItem(
        item_id="i" * 128,
        title="t" * 512,
        artist="a" * 512,
        kind="k" * 64,
        available_from_ms=4_102_444_799_999,
        tags=("w" * 64,) * 32,
    )

    assert longest == msgspec.json.decode(msgspec.json.encode(longest), type=CatalogItem)
