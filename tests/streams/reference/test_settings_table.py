"""docs/configuration.md is generated from the settings."""

from pathlib import Path

from streams.reference.settings_table import FILE, render_table, write_table
from streams.settings import PREFIX, Settings, flat_values


def test_the_documentation_lists_every_setting() -> None:
    """The file is the output of `python -m streams.reference.settings_table`; it describes every setting."""
    written = FILE.read_text()

    assert render_table() == written
    rows = [line.split(" | ") for line in written.splitlines() if line.startswith("| `")]
    names = [f"`{PREFIX}{name.upper()}`" for name in flat_values(Settings())]
    assert names == [row[0].removeprefix("| ") for row in rows]
    assert all(len(row) == 4 and row[3].rstrip(" |").endswith(".") for row in rows)


def test_the_table_is_written_anew(tmp_path: Path) -> None:
    """An earlier table is replaced."""
    file = tmp_path / "configuration.md"
    file.write_text("old")

    write_table(file)

    assert render_table() == file.read_text()
