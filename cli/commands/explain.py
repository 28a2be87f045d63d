"""`playfold explain`: what an item scores with a listener, split over everything they played."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from jobs.user_requests.explain import explain as explain_score
from state.lists.explain_score import Explanation
from streams.settings import read_settings

app = typer.Typer(add_completion=False)


@app.command()
def explain(
    user: Annotated[str, typer.Argument(help="The listener's id.")],
    item: Annotated[str, typer.Argument(help="The item's id.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Answer with one line of JSON.")] = False,
) -> None:
    """Show what every play of a listener adds to an item's score, as of their latest play."""
    found = explain_score(user, item, read_settings())
    if as_json:
        typer.echo(msgspec.json.encode(found))
        return
    typer.echo(head(found))
    Console().print(show_shares(found))


def head(found: Explanation) -> str:
    """Return what is explained, and under which generation."""
    rank = f"rank {found.rank}" if found.rank is not None else f"without a rank: {found.reason_without_rank}"
    lines = [
        f"{found.item_id} scores {found.score:.6g} with {found.user_id}, {rank}",
        f"the shares of their plays under generation {found.generation} sum to {found.sum:.6g}",
    ]
    if found.serving != found.generation:
        lines.append(f"generation {found.serving} is in service: this listener has not been folded under it yet")
    if found.n_unknown:
        what = "1 played item is" if found.n_unknown == 1 else f"{found.n_unknown} played items are"
        lines.append(f"{what} not in this generation, without a share")
    return "\n".join(lines)


def show_shares(found: Explanation) -> Table:
    """Return the split as a table, the largest share first."""
    table = Table()
    table.add_column("item")
    for name in ("last played", "weight now", "share", "%"):
        table.add_column(name, justify="right")
    for share in found.shares:
        table.add_row(
            share.item_id,
            f"{datetime.fromtimestamp(share.last_played_s, UTC):%Y-%m-%d %H:%M}",
            f"{share.weight:.3g}",
            f"{share.share:.5f}",
            "" if share.percent is None else f"{share.percent:.1f}",
        )
    return table
