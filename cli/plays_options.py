"""Shared by the commands that read plays and evaluate models on them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.files.play_tables import Columns
from streams.settings import Settings, override, read_settings

if TYPE_CHECKING:
    from jobs.progress import ProgressCallback
    from model.evaluation.event_log import Events

WithMl100k = Annotated[
    bool, typer.Option("--ml100k", help="Use MovieLens-100K, which is downloaded, instead of a file.")
]
Length = Annotated[int | None, typer.Option("--factors", min=2, max=1024, help="Length of the vectors.")]


def settings_with(factors: int | None) -> Settings:
    """Read the settings; a given length of the vectors replaces that of the settings."""
    settings = read_settings()
    return settings if factors is None else override(settings, factors=factors)


def read_events(file: Path | None, columns: Columns, settings: Settings, watch: "ProgressCallback") -> "Events":
    """Read a file of plays, or MovieLens-100K for none."""
    from jobs.evaluation.event_sources import events_of_file, events_of_ml100k
    from jobs.evaluation.movielens import fetch, ml100k_path
    from streams.files.plays_file import PlaysFile

    if file is None:
        return events_of_ml100k(fetch(ml100k_path(settings.application)))
    return events_of_file(PlaysFile(file, columns), settings.signals, watch)
