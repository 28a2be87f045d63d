"""`playfold topics`: create and verify the topics."""

from typing import Annotated

import msgspec
import typer

from streams.settings import read_settings
from streams.topics.admin import create_topics, verify_topics
from streams.topics.topics import declare_topics

app = typer.Typer(help="Create and verify the topics.", no_args_is_help=True, add_completion=False)
AsJson = Annotated[bool, typer.Option("--json", help="Print one line of JSON.")]


@app.command()
def create(*, as_json: AsJson = False) -> None:
    """Create the missing topics, and verify all."""
    settings = read_settings()
    created = create_topics(settings)
    verify_topics(settings)
    text = f"Created {', '.join(created)}." if created else "All topics exist already."
    typer.echo(msgspec.json.encode({"created": created}) if as_json else text)


@app.command()
def verify(*, as_json: AsJson = False) -> None:
    """Verify that every topic exists as declared."""
    settings = read_settings()
    verify_topics(settings)
    names = [topic.name for topic in declare_topics(settings)]
    typer.echo(msgspec.json.encode({"verified": names}) if as_json else f"All {len(names)} topics exist as declared.")
