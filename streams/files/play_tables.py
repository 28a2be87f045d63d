"""The columns of a file by field, and the reader of Parquet: it yields tables of bounded size."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from streams.files.errors import PlaysFileError
from streams.files.unpacked import READ_ERRORS, check_regular, reason_of
from streams.process.format_text import printable

BLOCK_BYTES = 1 << 21
"""Longest line of a text file."""
BATCH_ROWS = 20_000
OPTIONS = {"user_id": "--user-column", "item_id": "--item-column", "played_at": "--time-column"}
"""The required fields of a play, and the option that names the column of each."""


LIST_SEPARATOR = "|"
"""Separates the parts of a text that is a list."""


class FileColumns(msgspec.Struct, frozen=True, kw_only=True):
    """The names of a file's columns, by field."""

    noun: ClassVar[str]
    """The thing that a row describes."""
    hints: ClassVar[frozenset[str]] = frozenset()
    """The fields that may be of any kind; a value that does not fit costs the value and not the row."""
    sets_aside: ClassVar[bool] = False
    """Whether a row that cannot be read is a row with a fault; otherwise it is an error."""
    options: ClassVar[dict[str, str]]
    """The required fields, and the options that name their columns."""
    lists: ClassVar[frozenset[str]] = frozenset()
    """The fields that may be lists of texts."""
    flags: ClassVar[frozenset[str]] = frozenset()
    """The fields that may be true or false."""

    def among(self, names: list[str], path: Path) -> dict[str, str]:
        """Return the columns that are among the names in the file, by field.

        A name in other letter case is the column, too: a column `Private` that is overlooked would be learnt from.

        Raises:
            PlaysFileError: A column that is required or that the caller names is missing, or several have its name.
        """
        spelled = {field: self._spelled(field, names, path) for field in msgspec.structs.asdict(self)}
        for field, option in self.options.items():
            if spelled[field] is None:
                others = printable(", ".join(names)) or "none at all"
                column = getattr(self, field)
                message = f"{path} has no column {column}, only {others}: name the right one with {option}."
                raise PlaysFileError(message)
        for declared in msgspec.structs.fields(self):
            column = getattr(self, declared.name)
            if spelled[declared.name] is None and column != declared.default:
                message = f"{path} has no column {column}, only {printable(', '.join(names))}: correct its option."
                raise PlaysFileError(message)
        return {field: column for field, column in spelled.items() if column is not None}

    def has_required(self, names: list[str]) -> bool:
        """Return whether the required columns are among the names, in any letter case."""
        in_small_letters = {name.casefold() for name in names}
        return all(getattr(self, field).casefold() in in_small_letters for field in self.options)

    def _spelled(self, field: str, names: list[str], path: Path) -> str | None:
        """Return the name of a field's column as the file spells it, None if there is none."""
        wanted = getattr(self, field)
        if names.count(wanted) == 1:
            return str(wanted)
        alike = [name for name in names if _is_alike(name, wanted, is_required=field in self.options)]
        if len(alike) > 1:
            message = f"{path} has several columns {wanted}, {printable(', '.join(alike))}: rename all but one."
            raise PlaysFileError(message)
        return alike[0] if alike else None


class Columns(FileColumns, frozen=True, kw_only=True):
    """The columns of a file of plays."""

    noun: ClassVar[str] = "play"
    hints: ClassVar[frozenset[str]] = frozenset({"ms_played", "duration_ms", "play_id"})
    sets_aside: ClassVar[bool] = True
    options: ClassVar[dict[str, str]] = OPTIONS
    flags: ClassVar[frozenset[str]] = frozenset({"private"})

    user_id: str = "user_id"
    item_id: str = "item_id"
    played_at: str = "played_at"
    ms_played: str = "ms_played"
    duration_ms: str = "duration_ms"
    play_id: str = "play_id"
    type: str = "type"
    private: str = "private"


@contextmanager
def named_errors(path: Path, participle: str) -> Iterator[None]:
    """Turn errors of the block into `PlaysFileError`, which names the file."""
    try:
        yield
    except PlaysFileError:
        raise
    except (csv.Error, *READ_ERRORS) as error:
        message = f"{path} cannot be {participle} ({reason_of(error)}): correct the file, or convert it."
        raise PlaysFileError(message) from None


def _is_alike(name: str, wanted: str, *, is_required: bool) -> bool:
    """Return whether a name is the wanted one in other letter case.

    Space around it does not matter for an optional column. A required one would have space around its ids, too.
    """
    return (name if is_required else name.strip()).casefold() == wanted.casefold()


def read_parquet(path: Path, columns: FileColumns) -> Iterator[pa.Table]:
    """Read Parquet in batches, so that a row group is never in memory as a whole."""
    check_regular(path)
    with named_errors(path, "read"), pq.ParquetFile(path) as file:
        wanted = columns.among(file.schema_arrow.names, path)
        for batch in file.iter_batches(BATCH_ROWS, columns=list(wanted.values())):
            table = pa.Table.from_batches([batch]).select(list(wanted.values())).rename_columns(list(wanted))
            yield pa.table({name: _as_bytes(table[name]) for name in table.column_names})


def _as_bytes(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return texts as bytes; Parquet promises UTF-8 without checking it, and the later conversion names the row."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
        column = column.cast(kind)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return column.cast(pa.list_(pa.binary())) if _is_text(kind.value_type) else column
    return column.cast(pa.binary()) if _is_text(kind) else column


def _is_text(kind: pa.DataType) -> bool:
    return any(test(kind) for test in (pa.types.is_string, pa.types.is_large_string, pa.types.is_large_binary))
