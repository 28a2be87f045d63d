"""Samples of exports, and their rows."""

from pathlib import Path
from zoneinfo import ZoneInfo

from streams.files.formats.rows import ImportedPlay, ImportOptions, NoPlay, Row
from streams.files.import_source import ImportSource
from streams.files.times import LocalTimes

SAMPLES = Path(__file__).parents[2] / "examples" / "imports"
"""Small exports of made-up listeners, one folder a format."""
HARBOUR, PAPER = "name:fed084878bdb637d6cb488bdfe801c9c", "name:13f5a8cc524e694a30c5e76f199c1e18"
"""Ids of `The Made Ups: Harbour Lights` and of `Ada Example: Paper Moon`, which most samples have."""
FIRST_MS, SECOND_MS = 1_700_000_000_000, 1_700_000_208_000
"""The times of their plays in most samples."""


def options(user_id: str | None = "anna", zone: str | None = None, *, learns_private: bool = False) -> ImportOptions:
    """Return options of an import."""
    return ImportOptions(user_id, LocalTimes(None if zone is None else ZoneInfo(zone)), learns_private=learns_private)


def rows_of(path: Path, lacking: ImportOptions | None = None, format_name: str | None = None) -> list[Row]:
    """Return every row of an export."""
    return [row for _, row in ImportSource(path, lacking or options(), format_name).rows()]


def plays_of(path: Path, lacking: ImportOptions | None = None, format_name: str | None = None) -> list[ImportedPlay]:
    """Return the plays of an export."""
    return [row for row in rows_of(path, lacking, format_name) if isinstance(row, ImportedPlay)]


def reasons_of(path: Path, lacking: ImportOptions | None = None) -> list[str]:
    """Return the reasons of the rows that are no plays."""
    return [row.reason for row in rows_of(path, lacking) if isinstance(row, NoPlay)]
