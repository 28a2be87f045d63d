"""`playfold generations reindex`: the next revision of the generation in service."""

from typing import Annotated

import msgspec
import typer

from streams.settings import read_settings

Items = Annotated[list[str] | None, typer.Option(help="An item to remove from all lists; may be repeated.")]
Restored = Annotated[list[str] | None, typer.Option(help="A withdrawn item to allow in lists again; may be repeated.")]


def reindex_serving(
    *,
    withdraw: Items = None,
    restore: Restored = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """Rebuild the index of the generation in service, without withdrawn items, and announce it.

    Workers replace the index. They fold no listener again, so current lists are not published again.
    """
    from jobs.retraining.reindex import Changes, reindex

    made = reindex(read_settings(), Changes(withdraw or (), restore or ()))
    for item_id in made.unknown:
        if item_id in (withdraw or ()):
            note = f"Item {item_id!r} is not in generation {made.generation}; it is withdrawn nevertheless."
            typer.echo(note, err=True)
    if as_json:
        typer.echo(msgspec.json.encode(made))
        return
    withdrawn = f"{len(made.withdrawn):,} items are" if len(made.withdrawn) != 1 else "1 item is"
    typer.echo(f"Revision {made.revision} of generation {made.generation} is announced; {withdrawn} withdrawn.")
