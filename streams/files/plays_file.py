"""A file of plays, read in pieces of bounded size: CSV, JSON lines or Parquet."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from streams.files.containers import is_packed
from streams.files.csv_tables import read_csv
from streams.files.errors import PlaysFileError
from streams.files.json_lines import read_json_lines
from streams.files.play_columns import Checks, OnBadRow, check_piece
from streams.files.play_tables import Columns, FileColumns, named_errors, read_parquet
from streams.files.plays_piece import PlaysPiece
from streams.files.times import LocalTimes
from streams.files.unpacked import BUFFER_BYTES, check_regular, open_unpacked

PIECE_ROWS = 20_000
PARQUET = b"PAR1"


class PlaysFile(NamedTuple):
    """A file of plays; its content determines its format, and its name does not matter."""

    path: Path
    columns: Columns = Columns()
    odd_hints: Counter[str] | None = None
    """Gets the number of hints that do not fit, by field; they count as missing."""
    times: LocalTimes | None = None
    """Reads times without a zone."""
    learns_private: bool = False
    """Whether private plays are plays like others; otherwise they are left out."""
    sends_requests: bool = False
    """Whether a row with the type of a user request is one, also if it is marked private."""

    @property
    def n_plays(self) -> int | None:
        """Return the number of plays of a Parquet file; None for other formats, which would have to be read.

        Raises:
            PlaysFileError: The file cannot be read.
        """
        return n_rows_of(self.path)

    def pieces(
        self,
        first_row: int = 1,
        on_bad: OnBadRow | None = None,
        on_private: Callable[[int], object] = lambda _: None,
    ) -> Iterator[PlaysPiece]:
        """Read the plays from `first_row` on; rows are counted from 1, the header not included.

        Args:
            first_row: The first row.
            on_bad: Called with every row that has a value which does not fit; None: such a row is an error.
            on_private: Called with the row of every private play that is left out.

        Raises:
            PlaysFileError: The file or a value in it cannot be read.
        """
        checks = Checks(self.odd_hints, self.times, self.learns_private, on_bad, on_private, self.sends_requests)
        for row, part in tables_of(self.path, self.columns):
            n_skipped = max(0, first_row - row)
            if n_skipped < len(part):
                yield check_piece(part.slice(n_skipped), row + n_skipped, self.path, checks)


def tables_of(path: Path, columns: FileColumns) -> Iterator[tuple[int, pa.Table]]:
    """Read a file in tables of bounded size, each with the number of its first row, counted from 1.

    Raises:
        PlaysFileError: The file cannot be read.
    """
    row = 1
    for table in _reader(path, columns)(path, columns):
        for start in range(0, len(table), PIECE_ROWS):
            part = table.slice(start, PIECE_ROWS)
            yield row, part
            row += len(part)


def n_rows_of(path: Path) -> int | None:
    """Return the number of rows of a Parquet file; None for other formats, which would have to be read.

    Raises:
        PlaysFileError: The file cannot be read.
    """
    check_regular(path)
    with named_errors(path, "opened"), path.open("rb") as file:
        if file.read(len(PARQUET)) != PARQUET:
            return None
    with named_errors(path, "opened"):
        return int(pq.read_metadata(path).num_rows)


def _reader(path: Path, columns: FileColumns) -> Callable[[Path, FileColumns], Iterator[pa.Table]]:
    """Return the reader of a file's format, by the first bytes of its content."""
    with named_errors(path, "opened"), open_unpacked(path) as file:
        head = file.peek(BUFFER_BYTES)
    begin = head.lstrip()[:1]
    if head.startswith(PARQUET):
        return read_parquet
    if is_packed(head):
        problem = f"is an archive of several files: name the file of {columns.noun}s in it."
    elif b"\x00" in head:
        problem = f"is no file of {columns.noun}s: it is neither CSV, nor JSON lines, nor Parquet."
    elif begin == b"[":
        problem = f"is a JSON array: write one JSON object a line instead, one for each {columns.noun}."
    else:
        return read_json_lines if begin == b"{" else read_csv
    message = f"{path} {problem}"
    raise PlaysFileError(message)
