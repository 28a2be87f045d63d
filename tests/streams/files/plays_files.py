"""Files of plays in every format, and their plays."""

from pathlib import Path

import pytest

from streams.files.errors import PlaysFileError
from streams.files.play_tables import Columns
from streams.files.plays_file import PlaysFile

AT = "2020-09-13T12:26:40Z"


def write_csv(folder: Path, text: str) -> Path:
    """Write a CSV file."""
    path = folder / "plays.csv"
    path.write_text(text)
    return path


def fault_of(path: Path, **columns: str) -> str:
    """Return the sentence about a file that cannot be read."""
    with pytest.raises(PlaysFileError) as caught:
        list(PlaysFile(path, Columns(**columns)).pieces())
    return str(caught.value)
