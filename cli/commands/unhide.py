"""`playfold unhide`: an item that a listener has hidden may be listed again."""

import typer

from cli.user_requests import AsJson, Item, User, wish_for
from streams.messages.events import Unhide

app = typer.Typer(add_completion=False)


@app.command()
def unhide(user: User, item: Item, *, as_json: AsJson = False) -> None:
    """Let an item that a listener has hidden be listed again."""
    wish_for(Unhide(user_id=user, item_id=item), as_json=as_json)
