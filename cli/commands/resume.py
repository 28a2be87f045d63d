"""`playfold resume`: a listener is learnt from again."""

import typer

from cli.user_requests import AsJson, User, wish_for
from streams.messages.events import Resume

app = typer.Typer(add_completion=False)


@app.command()
def resume(user: User, *, as_json: AsJson = False) -> None:
    """Learn from a listener again, from what they do from now on."""
    wish_for(Resume(user_id=user), as_json=as_json)
