"""The formats of files of rows: each is read as tables of bounded size, whose columns are named as ours."""

import csv
import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, ClassVar, cast

import msgspec
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from streams.files.play_columns import PlaysFileError
from streams.process.format_text import decode_reason

BLOCK_BYTES = 1 << 21
"""A line of a text file may not be longer."""
BATCH_ROWS = 20_000
OPTIONS = {"user_id": "--user-column", "item_id": "--item-column", "played_at": "--time-column"}
"""What every play needs, and the option that names its column."""


LIST_SEPARATOR = "|"
"""Stands between the parts of a value that is a list."""


class FileColumns(msgspec.Struct, frozen=True, kw_only=True):
    """Which column of a file holds what: a field for each, whose value is the column's name."""

    noun: ClassVar[str]
    """What a row is."""
    options: ClassVar[dict[str, str]]
    """The fields that every row needs, and the options that name their columns."""
    lists: ClassVar[frozenset[str]] = frozenset()
    """The fields that may be lists of texts."""

    def among(self, found: list[str], path: Path) -> dict[str, str]:
        """Return the columns that the file has, by what they hold.

        Raises:
            PlaysFileError: One that every row needs is missing.
        """
        wanted = msgspec.structs.asdict(self)
        for field, option in self.options.items():
            if wanted[field] not in found:
                there = ", ".join(found)[:300] or "none at all"
                message = f"{path} has no column {wanted[field]}, only {there}: name the right one with {option}."
                raise PlaysFileError(message)
        return {field: column for field, column in wanted.items() if column in found}


class Columns(FileColumns, frozen=True, kw_only=True):
    """The columns of a file of plays."""

    noun: ClassVar[str] = "play"
    options: ClassVar[dict[str, str]] = OPTIONS

    user_id: str = "user_id"
    item_id: str = "item_id"
    played_at: str = "played_at"
    ms_played: str = "ms_played"
    duration_ms: str = "duration_ms"
    play_id: str = "play_id"
    type: str = "type"


@contextmanager
def naming(path: Path, what: str) -> Iterator[None]:
    """Name the file when it cannot be read."""
    try:
        yield
    except FileNotFoundError:
        message = f"{path} does not exist."
        raise PlaysFileError(message) from None
    except (pa.ArrowException, OSError, EOFError, csv.Error, UnicodeDecodeError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")[:300]
        message = f"{path} cannot be {what} ({reason}): mend the file, or convert it."
        raise PlaysFileError(message) from None


def read_csv(path: Path, columns: FileColumns) -> Iterator[pa.Table]:
    """Read comma-separated values as bytes: what they mean is decided where a fault can be told with its row."""
    with naming(path, "opened"), _open(path) as file:
        header = file.readline(BLOCK_BYTES).decode("utf-8-sig")
        wanted = columns.among(next(csv.reader([header]), []), path)
    bad_rows: list[Any] = []
    n_read = 0
    with naming(path, "read"), _open(path) as file:
        try:
            for batch in _open_csv(file, list(wanted.values()), bad_rows):
                n_read += len(batch)
                yield pa.Table.from_batches([batch]).rename_columns(list(wanted))
        except pa.ArrowInvalid as error:
            if not bad_rows:
                message = f"{path} cannot be read after row {n_read} ({error}): mend the file there."
                raise PlaysFileError(message) from None
            bad = bad_rows[0]
            # Arrow counts the header too.
            message = (
                f"Row {bad.number - 1} of {path} has {bad.actual_columns} columns instead of "
                f"{bad.expected_columns}: mend the row."
            )
            raise PlaysFileError(message) from None


def _open_csv(file: IO[bytes], columns: list[str], bad_rows: list[Any]) -> Any:
    def note(bad: Any) -> str:
        bad_rows.append(bad)
        return "error"

    return pyarrow.csv.open_csv(
        file,
        # In one thread rows are counted.
        read_options=pyarrow.csv.ReadOptions(block_size=BLOCK_BYTES, use_threads=False),
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=note),
        convert_options=pyarrow.csv.ConvertOptions(
            include_columns=columns, column_types=dict.fromkeys(columns, pa.binary()), check_utf8=False
        ),
    )


def read_parquet(path: Path, columns: FileColumns) -> Iterator[pa.Table]:
    """Read Parquet in batches; a row group is not held whole."""
    with naming(path, "read"), pq.ParquetFile(path) as file:
        wanted = columns.among(file.schema_arrow.names, path)
        for batch in file.iter_batches(BATCH_ROWS, columns=list(wanted.values())):
            yield pa.Table.from_batches([batch]).select(list(wanted.values())).rename_columns(list(wanted))


def read_json_lines(path: Path, columns: FileColumns) -> Iterator[pa.Table]:
    """Read one JSON object a line; blank lines are no rows.

    Not by Arrow, which fixes the type of a column by its first block: a time may be text here and a number there.
    """
    spelled = msgspec.structs.asdict(columns)
    kinds: dict[str, Any] = dict.fromkeys(spelled, str | int | float | None)
    kinds |= dict.fromkeys(columns.lists, str | int | float | list[str] | None)
    fields = [(name, kinds[name]) if name in columns.options else (name, kinds[name], None) for name in spelled]
    row_type = msgspec.defstruct("Row", fields, rename=spelled, gc=False)
    decode = msgspec.json.Decoder(row_type).decode
    n_read = 0
    for lines in _blocks_of_lines(path):
        rows = []
        for line in lines:
            try:
                rows.append(decode(line))
            except (ValueError, RecursionError) as error:
                reason = decode_reason(error)
                message = f"Row {n_read + len(rows) + 1} of {path} is no {columns.noun} ({reason}): mend the line."
                raise PlaysFileError(message) from None
        n_read += len(rows)
        yield pa.table({name: _as_text([getattr(row, name) for row in rows]) for name in spelled})


def _as_text(values: list[Any]) -> pa.Array:
    return pa.array([None if value is None else _text_of(value) for value in values], pa.string())


def _text_of(value: str | float | list[str]) -> str:
    return LIST_SEPARATOR.join(value) if isinstance(value, list) else str(value)


def _blocks_of_lines(path: Path) -> Iterator[list[bytes]]:
    with naming(path, "read"), _open(path) as file:
        rest = b""
        while block := file.read(BLOCK_BYTES):
            *lines, rest = (rest + block).split(b"\n")
            if len(rest) > BLOCK_BYTES:
                message = f"{path} has a line of more than {BLOCK_BYTES:,} bytes: it is no file of JSON lines."
                raise PlaysFileError(message)
            yield [line for line in lines if line.strip()]
        if rest.strip():
            yield [rest]


def _open(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path)) if path.name.endswith(".gz") else path.open("rb")
