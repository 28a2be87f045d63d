"""`playfold resume`: start learning from a listener again."""

import typer

from cli.user_requests import AsJson, User, send_request
from streams.messages.events import Resume

app = typer.Typer(add_completion=False)


@app.command()
def resume(user: User, *, as_json: AsJson = False) -> None:
    """Start learning from a listener again, from their next event on."""
    send_request(Resume(user_id=user), as_json=as_json)
