"""Rows of a file that are no plays: counted by reason, and written to a file of JSON lines with their reason."""

from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NamedTuple, Self

import msgspec

from streams.files.plays_piece import PlaysPiece
from streams.process.format_text import encodable

ROWS_MAX = 10_000
"""Most rows that are written; the others are counted only."""
CONTENT_BYTES_MAX = 4096
"""Most bytes of a row that are written."""
REASONS_MAX = 100
OTHER_REASONS = "other reasons"
LISTED_REASONS = 5
_encode = msgspec.json.Encoder(enc_hook=str).encode


class SetAside:
    """Rows that are set aside.

    Attributes:
        counts: Their number, by reason.
        path: The file to which they are written; it is made for the first of them.
    """

    def __init__(self, path: Path, *, appends: bool = False) -> None:
        """Write to a new file, or go on with an older one."""
        self.counts: Counter[str] = Counter()
        self.path, self._mode = path, "ab" if appends else "wb"
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    @property
    def n_rows(self) -> int:
        """Return the number of all rows that were set aside."""
        return self.counts.total()

    def add(self, file: str, row: int, reason: str, content: Any = None) -> None:
        """Set a row aside.

        Args:
            file: The file that it stands in.
            row: Its number there, counted from 1.
            reason: The reason, one of few.
            content: The row; None if it must not be written.
        """
        n_rows = self.n_rows
        is_new = reason not in self.counts
        self.counts[OTHER_REASONS if is_new and len(self.counts) >= REASONS_MAX else reason] += 1
        if n_rows >= ROWS_MAX:
            return
        if self._file is None:
            self._file = self.path.open(self._mode)
        line = {"file": encodable(file), "row": row, "reason": reason, "content": _shorten(content)}
        self._file.write(_encode(line) + b"\n")
        self._file.flush()  # a kill loses no row, and cuts none

    def describe(self) -> str:
        """Return the counts as a sentence, the most frequent reason first; empty if nothing was set aside."""
        if not self.counts:
            return ""
        common = self.counts.most_common(LISTED_REASONS)
        listed = ", ".join(f"{reason} ({n:,})" for reason, n in common)
        more = ", ..." if len(self.counts) > len(common) else ""
        path = encodable(str(self.path))
        written = f" The first {ROWS_MAX:,} are in {path}." if self.n_rows > ROWS_MAX else f" See {path}."
        return f"Set aside: {listed}{more}.{written if self._file is not None else ''}"


class _HeldRow(NamedTuple):
    row: int
    reason: str
    content: Any


class HeldRows:
    """Rows of a file that are set aside when Kafka has acknowledged the plays up to them.

    A replay that ends early is resumed at a row, and reads that row and the later ones again. So none of them may be in
    the file of rows set aside before.
    """

    def __init__(self, aside: SetAside, file: str) -> None:
        """Hold no rows."""
        self._aside, self._file = aside, file
        self._read: list[_HeldRow] = []
        self._held: deque[_HeldRow] = deque()

    def add(self, row: int, reason: str, content: Any = None) -> None:
        """Hold a row of the piece that is being read."""
        self._read.append(_HeldRow(row, reason, content))

    def of(self, pieces: Iterator[PlaysPiece]) -> Iterator[PlaysPiece]:
        """Yield pieces as they come; reading a piece adds its rows in any order."""
        for piece in pieces:
            self._held.extend(sorted(self._read, key=lambda held: held.row))
            self._read = []
            yield piece

    def settle(self, next_row: int) -> None:
        """Set aside the rows before the row to resume at."""
        while self._held and self._held[0].row < next_row:
            self._aside.add(self._file, *self._held.popleft())


def _shorten(content: Any) -> str | None:
    """Return a row as text of bounded length."""
    if content is None:
        return None
    if isinstance(content, bytes):
        text = content[:CONTENT_BYTES_MAX].decode(errors="backslashreplace")
    elif isinstance(content, str):
        text = content[:CONTENT_BYTES_MAX]
    else:
        try:
            text = _encode(content).decode(errors="backslashreplace")
        except (ValueError, TypeError, RecursionError):
            text = "a value that is no JSON"
    return text.encode("utf-8", "backslashreplace")[:CONTENT_BYTES_MAX].decode(errors="ignore")
