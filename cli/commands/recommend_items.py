"""`playfold recommend --items`: a list for some items, ranked here by the latest generation in the store."""

import msgspec
import typer
from rich.console import Console

from cli.tables.items import scores_of, table_of_items
from state.generations.open_store import open_latest
from state.lists.build import exact_builder
from state.lists.context import ListContext
from state.lists.session_list import session_list
from streams.settings import Settings


def print_session_list(items: list[str], settings: Settings, *, as_json: bool) -> None:
    """Print a list made from some items; titles are in Kafka, which is not asked.

    Raises:
        GenerationError: There is no generation, or it is damaged.
    """
    generation = open_latest(settings)
    made = session_list(exact_builder(settings), ListContext(generation, now_ms=0), items)
    if as_json:
        typer.echo(msgspec.json.encode({"generation": generation.id, **made._asdict()}))
        return
    unknown = f"; unknown to it: {', '.join(made.unknown)}" if made.unknown else ""
    kind = "the popular list, because no item is known" if made.kind == "popular" else "items for these"
    typer.echo(f"{kind}, by generation {generation.id}{unknown}")
    Console().print(table_of_items(made.items, {}, "score", scores_of(made.scores)))
