"""`playfold pause`: nothing is learnt from a listener until they wish it again."""

import typer

from cli.user_requests import AsJson, User, wish_for
from streams.messages.events import Pause

app = typer.Typer(add_completion=False)


@app.command()
def pause(user: User, *, as_json: AsJson = False) -> None:
    """Learn nothing from a listener until they resume; what is known of them stays, and so do their lists."""
    wish_for(Pause(user_id=user), as_json=as_json)
