"""`playfold pause`: stop learning from a listener."""

import typer

from cli.user_requests import AsJson, User, send_request
from streams.messages.events import Pause

app = typer.Typer(add_completion=False)


@app.command()
def pause(user: User, *, as_json: AsJson = False) -> None:
    """Stop learning from a listener until they resume; their history and their lists stay."""
    send_request(Pause(user_id=user), as_json=as_json)
