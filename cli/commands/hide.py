"""`playfold hide`: leave an item out of a listener's lists."""

import typer

from cli.user_requests import AsJson, Item, User, send_request
from streams.messages.events import Hide

app = typer.Typer(add_completion=False)


@app.command()
def hide(user: User, item: Item, *, as_json: AsJson = False) -> None:
    """Leave an item out of every list of a listener; their taste is not affected."""
    send_request(Hide(user_id=user, item_id=item), as_json=as_json)
