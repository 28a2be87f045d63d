"""`playfold generations reindex`: the next revision of the generation in service."""

from typing import Annotated

import msgspec
import typer

from jobs.retraining.reindex import Changes, reindex
from streams.settings import read_settings

Items = Annotated[list[str] | None, typer.Option(help="An item that no list has any more; may be repeated.")]
Restored = Annotated[list[str] | None, typer.Option(help="A withdrawn item that lists may have again.")]


def reindex_serving(
    *,
    withdraw: Items = None,
    restore: Restored = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer with one line of JSON.")] = False,
) -> None:
    """Build the index of the generation in service again, without what is withdrawn, and announce it.

    Workers replace the index; no listener is folded again, so a list that stands is not published anew for this.
    """
    made = reindex(read_settings(), Changes(withdraw or (), restore or ()))
    for item_id in made.unknown:
        if item_id in (withdraw or ()):
            told = f"Item {item_id!r} is not in generation {made.generation}; it is withdrawn all the same."
            typer.echo(told, err=True)
    if as_json:
        typer.echo(msgspec.json.encode(made))
        return
    withdrawn = f"{len(made.withdrawn):,} items are" if len(made.withdrawn) != 1 else "1 item is"
    typer.echo(f"Revision {made.revision} of generation {made.generation} is announced; {withdrawn} withdrawn.")
