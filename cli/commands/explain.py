"""`playfold explain`: the score of an item for a listener, split over their plays."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from cli.tables.foreign_text import foreign_text
from streams.settings import read_settings

if TYPE_CHECKING:
    from state.lists.explain_score import Explanation

app = typer.Typer(add_completion=False)


@app.command()
def explain(
    user: Annotated[str, typer.Argument(help="The listener's id.")],
    item: Annotated[str, typer.Argument(help="The item's id.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """Print how much each play of a listener adds to the score of an item, as of their latest play."""
    from jobs.user_requests.explain import explain as explain_score

    explanation = explain_score(user, item, read_settings())
    if as_json:
        typer.echo(msgspec.json.encode(explanation))
        return
    typer.echo(head(explanation))
    Console().print(show_shares(explanation))


def head(explanation: "Explanation") -> str:
    """Return the score, the rank and the generation in sentences."""
    rank = (
        f"rank {explanation.rank}"
        if explanation.rank is not None
        else f"without a rank: {explanation.reason_without_rank}"
    )
    lines = [
        f"{explanation.item_id} scores {explanation.score:.6g} with {explanation.user_id}, {rank}",
        f"the shares of their plays under generation {explanation.generation} sum to {explanation.sum:.6g}",
    ]
    if explanation.serving != explanation.generation:
        lines.append(f"generation {explanation.serving} is in service: this listener has not been folded under it yet")
    if explanation.n_unknown:
        what = "1 played item is" if explanation.n_unknown == 1 else f"{explanation.n_unknown} played items are"
        lines.append(f"{what} not in this generation, without a share")
    return "\n".join(lines)


def show_shares(explanation: "Explanation") -> Table:
    """Return the split as a table, the largest share first."""
    table = Table()
    table.add_column("item")
    for name in ("last played", "weight now", "share", "%"):
        table.add_column(name, justify="right")
    for share in explanation.shares:
        table.add_row(
            foreign_text(share.item_id),
            f"{datetime.fromtimestamp(share.last_played_s, UTC):%Y-%m-%d %H:%M}",
            f"{share.weight:.3g}",
            f"{share.share:.5f}",
            "" if share.percent is None else f"{share.percent:.1f}",
        )
    return table
