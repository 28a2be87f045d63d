"""`playfold unhide`: allow an item in a listener's lists again."""

import typer

from cli.user_requests import AsJson, Item, User, send_request
from streams.messages.events import Unhide

app = typer.Typer(add_completion=False)


@app.command()
def unhide(user: User, item: Item, *, as_json: AsJson = False) -> None:
    """Allow an item in the lists of a listener again, after it was hidden."""
    send_request(Unhide(user_id=user, item_id=item), as_json=as_json)
