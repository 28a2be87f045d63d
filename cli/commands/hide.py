"""`playfold hide`: an item is in none of a listener's lists."""

import typer

from cli.user_requests import AsJson, Item, User, wish_for
from streams.messages.events import Hide

app = typer.Typer(add_completion=False)


@app.command()
def hide(user: User, item: Item, *, as_json: AsJson = False) -> None:
    """Leave an item out of every list of a listener; it says nothing of their taste."""
    wish_for(Hide(user_id=user, item_id=item), as_json=as_json)
