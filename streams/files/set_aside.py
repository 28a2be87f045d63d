"""Rows of a file that are no plays: counted by reason, and written to a file of JSON lines with their reason."""

from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import msgspec

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
        line = {"file": file, "row": row, "reason": reason, "content": _shorten(content)}
        self._file.write(_encode(line) + b"\n")

    def describe(self) -> str:
        """Return the counts as a sentence, the most frequent reason first; empty if nothing was set aside."""
        if not self.counts:
            return ""
        common = self.counts.most_common(LISTED_REASONS)
        listed = ", ".join(f"{reason} ({n:,})" for reason, n in common)
        more = ", ..." if len(self.counts) > len(common) else ""
        written = f" The first {ROWS_MAX:,} are in {self.path}." if self.n_rows > ROWS_MAX else f" See {self.path}."
        return f"Set aside: {listed}{more}.{written if self._file is not None else ''}"


def _shorten(content: Any) -> str | None:
    """Return a row as text of bounded length."""
    if content is None:
        return None
    if isinstance(content, bytes):
        text = content[:CONTENT_BYTES_MAX].decode(errors="backslashreplace")
    elif isinstance(content, str):
        text = content
    else:
        try:
            text = _encode(content).decode(errors="backslashreplace")
        except (ValueError, TypeError, RecursionError):
            text = "a value that is no JSON"
    return text[:CONTENT_BYTES_MAX].encode("utf-8", "backslashreplace").decode()
