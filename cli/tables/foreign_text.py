"""Texts of other programs, such as ids and titles, in a table."""

from rich.text import Text

from streams.process.format_text import printable


def foreign_text(text: str) -> Text:
    """Return a text as a cell: brackets are no markup, and no character controls the terminal."""
    return Text(printable(text, len(text)))
