"""A file of plays, read in pieces of bounded size: CSV, JSON lines or Parquet."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from streams.files.play_columns import PlaysFileError, PlaysPiece, check_piece
from streams.files.play_tables import Columns, FileColumns, named_errors, read_csv, read_json_lines, read_parquet

PIECE_ROWS = 20_000
_READERS: dict[str, Callable[[Path, FileColumns], Iterator[pa.Table]]] = {
    ".csv": read_csv,
    ".csv.gz": read_csv,
    ".jsonl": read_json_lines,
    ".jsonl.gz": read_json_lines,
    ".ndjson": read_json_lines,
    ".ndjson.gz": read_json_lines,
    ".parquet": read_parquet,
}


class PlaysFile(NamedTuple):
    """A file of plays; the suffix of its name determines its format."""

    path: Path
    columns: Columns = Columns()

    @property
    def n_plays(self) -> int | None:
        """Return the number of plays of a Parquet file; None for other formats, which would have to be read.

        Raises:
            PlaysFileError: The file cannot be read.
        """
        return n_rows_of(self.path)

    def pieces(self, first_row: int = 1) -> Iterator[PlaysPiece]:
        """Read the plays from `first_row` on; rows are counted from 1, the header not included.

        Raises:
            PlaysFileError: The file or a value in it cannot be read.
        """
        for row, part in tables_of(self.path, self.columns):
            n_skipped = max(0, first_row - row)
            if n_skipped < len(part):
                yield check_piece(part.slice(n_skipped), row + n_skipped, self.path)


def tables_of(path: Path, columns: FileColumns) -> Iterator[tuple[int, pa.Table]]:
    """Read a file in tables of bounded size, each with the number of its first row, counted from 1.

    Raises:
        PlaysFileError: The file cannot be read.
    """
    row = 1
    for table in _READERS[_ending(path, columns)](path, columns):
        for start in range(0, len(table), PIECE_ROWS):
            part = table.slice(start, PIECE_ROWS)
            yield row, part
            row += len(part)


def n_rows_of(path: Path) -> int | None:
    """Return the number of rows of a Parquet file; None for other formats, which would have to be read.

    Raises:
        PlaysFileError: The file cannot be read.
    """
    if not path.name.endswith(".parquet"):
        return None
    with named_errors(path, "opened"):
        return int(pq.read_metadata(path).num_rows)


def _ending(path: Path, columns: FileColumns) -> str:
    for ending in _READERS:
        if path.name.endswith(ending):
            return ending
    message = f"{path} is no file of {columns.noun}s: its name should end in {', '.join(_READERS)}."
    raise PlaysFileError(message)
