"""Reads CSV as tables of bytes with the names of our fields."""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv

from streams.files.errors import PlaysFileError
from streams.files.faults import Fault, with_faults
from streams.files.play_tables import BLOCK_BYTES, FileColumns, named_errors
from streams.files.unpacked import open_unpacked, reason_of
from streams.files.utf8_lines import Utf8Lines, restore
from streams.process.format_text import pluralize

DELIMITERS = (",", ";", "\t", "|")
"""Characters between two values, in the order in which they are tried: spreadsheets write other ones than commas."""
END = "\u2404end of the file"
"""The text behind the last row; no id, time or type has its first letter."""
ODD_ROWS_MAX = 100_000
"""Most rows with another number of columns that are held until Arrow gives the rows around them."""
# Arrow's message about a row that its handler did not skip.
_BAD_ROW = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+)")


def read_csv(path: Path, columns: FileColumns) -> Iterator[pa.Table]:
    """Read values between delimiters as bytes; the later conversion of the columns can name the row of an error.

    A row with another number of columns than the header is a row with a fault, or an error if the file sets none aside.
    """
    with named_errors(path, "opened"), open_unpacked(path) as file:
        delimiter, names = _split_header(file.readline(BLOCK_BYTES).decode(), columns)
        wanted = columns.among(names, path)
    odd, n_read = _OddRows(columns, may_be_private=not columns.flags.isdisjoint(wanted)), 0
    # A row of more columns than any other, which Arrow gives apart, unless a quotation mark before it is not closed.
    odd.end = END + delimiter * len(names)
    with named_errors(path, "read"), open_unpacked(path) as file, Utf8Lines(file, odd.end.encode()) as lines:
        try:
            for batch in _open_csv(io.BufferedReader(lines), list(wanted.values()), odd, delimiter):
                table = lines.restore(pa.Table.from_batches([batch]).rename_columns(list(wanted)))
                table = odd.put_into(table, n_read)
                n_read += len(table)
                yield table
        except pa.ArrowInvalid as error:
            raise PlaysFileError(_describe(error, path, n_read)) from None
        table = odd.put_into(pa.table({name: pa.array([], pa.binary()) for name in wanted}), n_read)
        yield table
        lines.check(n_read + len(table))
        odd.check_end(path, n_read + len(table))


def _describe(error: pa.ArrowInvalid, path: Path, n_read: int) -> str:
    """Return the sentence about a row that ends the reading."""
    bad = _BAD_ROW.search(str(error))
    if "straddling object" in str(error):
        return (
            f"Row {n_read + 1} of {path} has a quotation mark that is not closed, or more than {BLOCK_BYTES:,} bytes: "
            "correct it."
        )
    if bad is None:
        return f"{path} cannot be read after row {n_read} ({reason_of(error)}): correct the file there."
    row, n_expected, n_columns = map(int, bad.groups())
    # Arrow counts the header too.
    return f"Row {row - 1} of {path} has {n_columns} columns instead of {n_expected}: correct the row."


class _OddRows:
    """Takes rows with another number of columns from Arrow, and puts them between the other rows."""

    def __init__(self, columns: FileColumns, *, may_be_private: bool) -> None:
        """Hold no rows; the text of a row that may be private is not held."""
        self._n_max, self._may_be_private = ODD_ROWS_MAX if columns.sets_aside else 0, may_be_private
        self._faults: dict[int, Fault] = {}
        self.end, self._has_ended = "", False
        """The text of the row behind the last one, and whether Arrow gave it."""

    def take(self, row: pyarrow.csv.InvalidRow) -> str:
        """Hold a row, or let Arrow end with an error."""
        if row.text == self.end:
            self._has_ended = True
            return "skip"
        if len(self._faults) >= self._n_max:
            return "error"
        reason = f"{pluralize(row.actual_columns, 'column')} instead of {row.expected_columns}"
        # Arrow counts the header too.
        self._faults[row.number - 1] = Fault(reason, None if self._may_be_private else restore(row.text.encode()))
        return "skip"

    def check_end(self, path: Path, n_rows: int) -> None:
        """Check that the last of `n_rows` rows does not contain lines that should be rows.

        Raises:
            PlaysFileError: It does.
        """
        if not self._has_ended:
            message = (
                f"Row {n_rows} of {path} has a quotation mark that is not closed, so all lines behind it belong to the "
                "row: correct it."
            )
            raise PlaysFileError(message)

    def put_into(self, table: pa.Table, n_read: int) -> pa.Table:
        """Return the next good rows of a file with the held rows before, between and directly behind them.

        Args:
            table: The good rows.
            n_read: The number of all rows before them.
        """
        end, faults = n_read + len(table), dict[int, Fault]()
        for number in sorted(self._faults):
            if number > end + 1:
                break
            faults[number - n_read - 1] = self._faults.pop(number)
            end += 1
        if not faults:
            return table
        good = iter(range(len(table)))
        places = [None if row in faults else next(good) for row in range(end - n_read)]
        return with_faults(table.take(pa.array(places, pa.int64())), faults)


def _split_header(header: str, columns: FileColumns) -> tuple[str, list[str]]:
    """Return the delimiter of a file and the names of its columns: the first one that gives all required columns."""
    names = {delimiter: next(csv.reader([header], delimiter=delimiter), []) for delimiter in DELIMITERS}
    fitting = (delimiter for delimiter in DELIMITERS if columns.has_required(names[delimiter]))
    delimiter = next(fitting, DELIMITERS[0])
    return delimiter, names[delimiter]


def _open_csv(file: io.BufferedReader, columns: list[str], odd: _OddRows, delimiter: str) -> Any:
    return pyarrow.csv.open_csv(
        file,
        # Arrow counts rows only in one thread.
        read_options=pyarrow.csv.ReadOptions(block_size=BLOCK_BYTES, use_threads=False),
        parse_options=pyarrow.csv.ParseOptions(
            delimiter=delimiter, newlines_in_values=True, invalid_row_handler=odd.take
        ),
        convert_options=pyarrow.csv.ConvertOptions(
            include_columns=columns, column_types=dict.fromkeys(columns, pa.binary()), check_utf8=False
        ),
    )
