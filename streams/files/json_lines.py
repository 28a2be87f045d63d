"""Reads JSON lines, one object a line, as tables of texts with the names of our fields."""

import io
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from streams.files.errors import PlaysFileError
from streams.files.faults import Fault, with_faults
from streams.files.play_tables import BLOCK_BYTES, LIST_SEPARATOR, FileColumns, named_errors
from streams.files.unpacked import open_unpacked
from streams.files.whole_lines import WholeLines
from streams.process.format_text import decode_reason

MISFIT = "\0"
"""The text of a value that no column takes: a list, an object, or a mark that may say private."""
_decode_object = msgspec.json.Decoder(dict[str, Any]).decode


def read_json_lines(path: Path, columns: FileColumns) -> Iterator[pa.Table]:
    """Read one JSON object a line; blank lines are skipped.

    Arrow would fix the type of a column by its first block, but a time may be text in one row and a number in another.
    """
    read, n_read = _reader(columns), 0
    with named_errors(path, "read"), open_unpacked(path) as file, WholeLines(file) as text:
        for lines in _blocks_of_lines(io.BufferedReader(text), path):
            rows, faults = [], dict[int, Fault]()
            for row, line in enumerate(lines):
                try:
                    rows.append(read(line))
                except (ValueError, RecursionError) as error:
                    reason = decode_reason(error)
                    if not columns.sets_aside:
                        at = n_read + row + 1
                        message = f"Row {at} of {path} is no {columns.noun} ({reason}): correct the line."
                        raise PlaysFileError(message) from None
                    faults[row] = Fault(reason, line)
                    rows.append(_marks_of(line, columns))
            n_read += len(lines)
            _add_other_marks(rows, lines, columns)
            yield with_faults(_table(columns, rows), faults)
        text.check(n_read)


def _reader(columns: FileColumns) -> Callable[[bytes], dict[str, Any]]:
    """Return a function that decodes a line to the values of fields."""
    names = msgspec.structs.asdict(columns)
    kinds: dict[str, Any] = dict.fromkeys(names, str | int | float | None)
    kinds |= dict.fromkeys(columns.lists, str | int | float | list[str] | None)
    kinds |= dict.fromkeys(columns.flags, str | int | float | bool | None)
    kinds |= dict.fromkeys(columns.hints, Any)
    fields = [(name, kinds[name]) if name in columns.options else (name, kinds[name], None) for name in names]
    decode = msgspec.json.Decoder(msgspec.defstruct("Row", fields, rename=names, gc=False)).decode
    return lambda line: msgspec.structs.asdict(decode(line))


def _add_other_marks(rows: list[dict[str, Any]], lines: list[bytes], columns: FileColumns) -> None:
    """Add the marks whose names are in other letter case to rows: an overlooked private play would be learnt.

    Lines are looked at one by one only if one of them has such a name.
    """
    text = b"".join(lines)
    for field in columns.flags:
        name = getattr(columns, field)
        mark = b'"%b"' % name.encode()
        if text.count(mark) == text.lower().count(mark.lower()):
            continue
        for row, line in zip(rows, lines, strict=True):
            with suppress(ValueError, RecursionError):  # a line that cannot be read has its marks already
                row[field] = _mark_of(_decode_object(line), name)


def _marks_of(line: bytes, columns: FileColumns) -> dict[str, Any]:
    """Return the marks of a line that cannot be read, such as that its play is private; a doubtful one is a misfit."""
    names = {field: getattr(columns, field) for field in columns.flags}
    try:
        given = _decode_object(line)
    except (ValueError, RecursionError):
        return {field: MISFIT for field, name in names.items() if name.encode().lower() in line.lower()}
    return {field: _mark_of(given, name) for field, name in names.items()}


def _mark_of(given: dict[str, Any], name: str) -> Any:
    """Return the value of a mark, whose name may be in other letter case; values that differ are a misfit."""
    marks = [value for key, value in given.items() if key.casefold() == name.casefold() and value is not None]
    if not marks:
        return None
    return marks[0] if all(mark == marks[0] for mark in marks) else MISFIT


def _table(columns: FileColumns, rows: list[dict[str, Any]]) -> pa.Table:
    names, flags = msgspec.structs.asdict(columns), columns.flags
    return pa.table({name: _as_text([row.get(name) for row in rows], name in flags) for name in names})


def _as_text(values: list[Any], is_flag: bool) -> pa.Array:  # noqa: FBT001  a column is one of flags or not
    return pa.array([None if value is None else _text_of(value, is_flag) for value in values], pa.string())


def _text_of(value: Any, is_flag: bool) -> str:  # noqa: FBT001
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return LIST_SEPARATOR.join(value)
    fits = isinstance(value, str | int | float) and (is_flag or not isinstance(value, bool))
    return str(value) if fits else MISFIT


def _blocks_of_lines(text: io.BufferedReader, path: Path) -> Iterator[list[bytes]]:
    rest = b""
    while block := text.read(BLOCK_BYTES):
        *lines, rest = (rest + block).split(b"\n")
        if len(rest) > BLOCK_BYTES:
            message = f"{path} has a line of more than {BLOCK_BYTES:,} bytes: it is no file of JSON lines."
            raise PlaysFileError(message)
        yield [line for line in lines if line.strip()]
    if rest.strip():
        yield [rest]
