"""Options of the commands that read a file of plays. Importing them is quick: no model comes with them."""

from dataclasses import dataclass
from typing import Annotated

import typer
from msgspec.structs import replace

from streams.files.play_tables import Columns

AsJson = Annotated[bool, typer.Option("--json", help="Print one line of JSON.")]


@dataclass(frozen=True, kw_only=True)
class ColumnOptions:
    """The names of the columns that every file of plays has."""

    user_column: Annotated[str, typer.Option(help="Column of the user's id.")] = "user_id"
    item_column: Annotated[str, typer.Option(help="Column of the item's id.")] = "item_id"
    time_column: Annotated[str, typer.Option(help="Column of the time of the play.")] = "played_at"

    def columns(self) -> Columns:
        """Return the columns; optional ones have their default names."""
        return Columns(user_id=self.user_column, item_id=self.item_column, played_at=self.time_column)


@dataclass(frozen=True, kw_only=True)
class PlayColumnOptions(ColumnOptions):
    """The names of all columns that a replay reads."""

    ms_played_column: Annotated[str, typer.Option(help="Column of the milliseconds that were played.")] = "ms_played"
    duration_column: Annotated[str, typer.Option(help="Column of the item's length in milliseconds.")] = "duration_ms"
    play_id_column: Annotated[str, typer.Option(help="Column of the client's id of the play.")] = "play_id"
    type_column: Annotated[str, typer.Option(help="Column of the type, such as like or skip; empty: play.")] = "type"
    private_column: Annotated[str, typer.Option(help="Column that is true for private plays.")] = "private"

    def columns(self) -> Columns:
        """Return all columns."""
        return replace(
            super().columns(),
            ms_played=self.ms_played_column,
            duration_ms=self.duration_column,
            play_id=self.play_id_column,
            type=self.type_column,
            private=self.private_column,
        )
