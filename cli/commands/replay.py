"""`playfold replay`: a file of plays, or an export of another service, to the plays topic."""

from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cli.column_options import AsJson, PlayColumnOptions
from cli.commands.replay_import import ImportRun
from cli.commands.replay_options import OWN_FORMAT, ExportOptions, PaceOptions, RowOptions, replay_options
from cli.commands.replay_plays import PlaysRun
from cli.option_groups import with_groups
from streams.files.formats.rows import ImportOptions
from streams.files.import_source import ImportSource, recognise
from streams.files.play_tables import Columns
from streams.files.plays_file import PlaysFile
from streams.settings import read_settings

app = typer.Typer(add_completion=False)


@app.command()
@with_groups
def replay_file(
    file: Annotated[Path, typer.Argument(help="A file of plays, or an export: a file, an archive or a folder.")],
    *,
    export: ExportOptions,
    column_names: PlayColumnOptions,
    rows: RowOptions,
    pace: PaceOptions,
    as_json: AsJson = False,
) -> None:
    """Send plays to the plays topic.

    FILE has columns of playfold (CSV, JSON lines, Parquet; also compressed), or is an export of Spotify, Last.fm,
    ListenBrainz, Apple Music or YouTube Music, or a data set: docs/import.md. Its content decides the format, not its
    name.

    Times are RFC 3339 or epoch seconds or milliseconds. Ctrl-C stops between two rows and prints the row to continue
    from.
    """
    columns, options = column_names.columns(), replay_options(file, rows, pace, as_json=as_json)
    export.check_user()
    times, settings = export.times(), read_settings()
    format_name = _format_name(file, export.format_name, columns)
    if format_name == OWN_FORMAT:
        export.reject_for_own_format()
        plays = PlaysFile(file, columns, Counter(), times if times.zone else None, rows.learn_private)
        PlaysRun(plays, options, settings, times).run()
        return
    if rows.with_requests or columns != Columns():
        message = (
            "--with-requests and the options of columns are for files with playfold's columns, and FILE is an export."
        )
        raise typer.BadParameter(message)
    lacking = ImportOptions(export.user, times, learns_private=rows.learn_private)
    source = ImportSource(file, lacking, format_name, reads_damaged=export.partial)
    ImportRun(source, options, settings, describes=export.catalog).run()


def _format_name(file: Path, given: StrEnum | None, columns: Columns) -> str | None:
    """Return the name of a file's format; None for an export of a format that its reader recognises."""
    if given is not None:
        return str(given)
    own_columns = {columns.user_id, columns.item_id, columns.played_at}
    return OWN_FORMAT if not file.is_dir() and recognise(file, own_columns) is None else None
