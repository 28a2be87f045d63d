"""What the commands that read plays and judge models on them have in common."""

from pathlib import Path
from typing import Annotated

import typer

from jobs.evaluation.event_sources import events_of_file, events_of_ml100k
from jobs.evaluation.movielens import fetch, ml100k_path
from jobs.progress import ProgressCallback
from model.evaluation.event_log import Events
from streams.files.play_tables import Columns
from streams.files.plays_file import PlaysFile
from streams.settings import Settings, override, read_settings

UserColumn = Annotated[str, typer.Option(help="Column of the user's id.")]
ItemColumn = Annotated[str, typer.Option(help="Column of the item's id.")]
TimeColumn = Annotated[str, typer.Option(help="Column of the time of the play.")]
WithMl100k = Annotated[bool, typer.Option("--ml100k", help="MovieLens-100K, fetched, in place of a file.")]
Length = Annotated[int | None, typer.Option("--factors", min=2, max=1024, help="Length of the vectors.")]
AsJson = Annotated[bool, typer.Option("--json", help="Answer with one line of JSON.")]


def settings_with(factors: int | None) -> Settings:
    """Read the settings; a length of the vectors that is given counts more."""
    settings = read_settings()
    return settings if factors is None else override(settings, factors=factors)


def read_events(file: Path | None, columns: Columns, settings: Settings, watch: ProgressCallback) -> Events:
    """Read a file of plays, or MovieLens-100K for none."""
    if file is None:
        return events_of_ml100k(fetch(ml100k_path(settings.application)))
    return events_of_file(PlaysFile(file, columns), settings.signals, watch)
