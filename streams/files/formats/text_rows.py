"""Rows of separated values, one after the other."""

import csv
import io
import itertools
from collections.abc import Iterator

from streams.files.formats.rows import UNREADABLE, NoPlay
from streams.files.unpacked import DamagedFileError

LINE_BYTES_MAX = 1 << 21
CSV_FIELD_MAX = 1 << 20
LINES_MAX = 100
"""Most lines of a row that is set aside; more of them are rows behind a quotation mark that is not closed."""
END = "\u2404end of the file"
"""The text behind the last row, which no field has."""


def lines_of(stream: io.BufferedReader) -> Iterator[str]:
    """Return the lines of a text with their ends; bytes that are no UTF-8 become lone surrogates.

    Raises:
        DamagedFileError: A line is too long for a row.
    """
    return (line.decode("utf-8", "surrogateescape") for line in byte_lines_of(stream, "text of rows"))


def byte_lines_of(stream: io.BufferedReader, noun: str) -> Iterator[bytes]:
    """Yield the lines of a file with their ends.

    Raises:
        DamagedFileError: A line is too long. The message says that the file is no `noun`.
    """
    n_lines = 0
    while line := stream.readline(LINE_BYTES_MAX):
        n_lines += 1
        if len(line) == LINE_BYTES_MAX and not line.endswith(b"\n"):
            message = f"Line {n_lines:,} has more than {LINE_BYTES_MAX:,} bytes: the file is no {noun}."
            raise DamagedFileError(message)
        yield line


def csv_rows(stream: io.BufferedReader, delimiter: str = ",") -> Iterator[list[str] | NoPlay]:
    """Yield the rows of CSV; a row that is no CSV is set aside. Blank rows are left out.

    Raises:
        DamagedFileError: A quotation mark is not closed, so the lines behind it belong to its row.
    """
    csv.field_size_limit(CSV_FIELD_MAX)
    reader = csv.reader(itertools.chain(lines_of(stream), ["\n", f"{END}\n"]), delimiter=delimiter)
    n_lines = 0
    while True:
        begin = n_lines + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if reader.line_num > begin + LINES_MAX:
                raise _unclosed(begin) from None
            n_lines = reader.line_num
            yield NoPlay(UNREADABLE, str(error))
            continue
        if row == [END]:
            return
        if row and END in row[-1]:
            raise _unclosed(begin)
        n_lines = reader.line_num
        if row:
            yield row


def _unclosed(line: int) -> DamagedFileError:
    message = f"The row in line {line:,} has a quotation mark that is not closed, so the lines behind it belong to it."
    return DamagedFileError(message)


def records_of(
    stream: io.BufferedReader, columns: dict[str, tuple[str, ...]], delimiter: str = ","
) -> Iterator[dict[str, str] | NoPlay]:
    """Yield the rows of CSV with a header, by the names of fields; a missing column or value is empty.

    Args:
        stream: The file.
        columns: The names that each field may have in the header, in small letters.
        delimiter: Between two values.
    """
    rows = csv_rows(stream, delimiter)
    header = next((row for row in rows if isinstance(row, list)), [])
    names = [name.strip().casefold() for name in header]
    places = {
        field: next((names.index(name) for name in spelled if name in names), -1) for field, spelled in columns.items()
    }
    for row in rows:
        if isinstance(row, NoPlay):
            yield row
        else:
            yield {field: row[at].strip() if 0 <= at < len(row) else "" for field, at in places.items()}


def split_rows(stream: io.BufferedReader, separator: str) -> Iterator[list[str]]:
    """Yield rows without quotation marks, split by a separator."""
    for line in lines_of(stream):
        if line.strip():
            yield line.rstrip("\r\n").split(separator)


def header_of(head: bytes, delimiter: str) -> list[str]:
    """Return the first row of a text in small letters."""
    line = head.partition(b"\n")[0].decode("utf-8", "replace")
    try:
        return [name.strip().casefold() for name in next(csv.reader(io.StringIO(line), delimiter=delimiter), [])]
    except csv.Error:
        return []
