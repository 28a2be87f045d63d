"""Options of the commands that read a file of plays. Importing them is quick: no model comes with them."""

from typing import Annotated

import typer

UserColumn = Annotated[str, typer.Option(help="Column of the user's id.")]
ItemColumn = Annotated[str, typer.Option(help="Column of the item's id.")]
TimeColumn = Annotated[str, typer.Option(help="Column of the time of the play.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one line of JSON.")]
