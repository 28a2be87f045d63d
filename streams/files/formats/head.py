"""The first bytes of a file, by which its format is recognised."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

from streams.files.formats.json_rows import first_object
from streams.files.formats.text_rows import header_of

DELIMITERS = (",", ";", "\t")


class Head:
    """The beginning of a file.

    Attributes:
        start: Its first bytes.
        name: The name of the file, for formats whose content does not tell them apart.
    """

    def __init__(self, start: bytes, name: str = "") -> None:
        """Look at the first bytes."""
        self.start, self.name = start, name

    @cached_property
    def is_json(self) -> bool:
        """Return whether it begins like JSON."""
        return self.start.lstrip()[:1] in {b"{", b"["}

    @cached_property
    def first_object(self) -> dict[str, Any]:
        """Return the first object of an array or of JSON lines, empty if there is none."""
        return first_object(self.start) if self.is_json else {}

    @cached_property
    def first_line(self) -> str:
        """Return the first line as text."""
        return self.start.partition(b"\n")[0].decode("utf-8", "replace").rstrip("\r")

    def columns(self, delimiter: str) -> list[str]:
        """Return the names in the first row, in small letters; none for JSON."""
        return [] if self.is_json else header_of(self.start, delimiter)

    def delimiter_of(self, fits: Callable[[list[str]], bool]) -> str | None:
        """Return the delimiter by which the names in the first row fit, None if there is none.

        A spreadsheet that stores an export may write another one.
        """
        return next((delimiter for delimiter in DELIMITERS if fits(self.columns(delimiter))), None)
