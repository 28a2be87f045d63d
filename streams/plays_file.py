"""A file of plays, read in pieces of bounded size: CSV, JSON lines or Parquet."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from streams.play_columns import PlaysFileError, PlaysPiece, check_piece
from streams.play_tables import Columns, naming, read_csv, read_json_lines, read_parquet

PIECE_ROWS = 20_000
_READERS: dict[str, Callable[[Path, Columns], Iterator[pa.Table]]] = {
    ".csv": read_csv,
    ".csv.gz": read_csv,
    ".jsonl": read_json_lines,
    ".jsonl.gz": read_json_lines,
    ".ndjson": read_json_lines,
    ".ndjson.gz": read_json_lines,
    ".parquet": read_parquet,
}


class PlaysFile(NamedTuple):
    """A file of plays; the end of its name tells its format."""

    path: Path
    columns: Columns = Columns()

    @property
    def n_plays(self) -> int | None:
        """Return the number of plays where the file tells it, which only Parquet does.

        Raises:
            PlaysFileError: The file cannot be read.
        """
        if self._ending() != ".parquet":
            return None
        with naming(self.path, "opened"):
            return int(pq.read_metadata(self.path).num_rows)

    def pieces(self, first_row: int = 1) -> Iterator[PlaysPiece]:
        """Read the plays from a row on; rows are counted from 1, without a header.

        Raises:
            PlaysFileError: The file or a value in it cannot be read.
        """
        row = 1
        for table in _READERS[self._ending()](self.path, self.columns):
            for start in range(0, len(table), PIECE_ROWS):
                part = table.slice(start, PIECE_ROWS)
                n_skipped = max(0, first_row - row)
                if n_skipped < len(part):
                    yield check_piece(part.slice(n_skipped), row + n_skipped, self.path)
                row += len(part)

    def _ending(self) -> str:
        for ending in _READERS:
            if self.path.name.endswith(ending):
                return ending
        message = f"{self.path} is no file of plays: its name should end in {', '.join(_READERS)}."
        raise PlaysFileError(message)
