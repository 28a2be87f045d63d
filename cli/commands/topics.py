"""`playfold topics`: create and verify the topics."""

from typing import Annotated

import msgspec
import typer

from streams.settings import read_settings
from streams.topics.admin import create_topics, verify_topics
from streams.topics.topics import declare_topics

app = typer.Typer(help="Create and verify the topics.", no_args_is_help=True, add_completion=False)
AsJson = Annotated[bool, typer.Option("--json", help="Answer with one line of JSON.")]


@app.command()
def create(*, as_json: AsJson = False) -> None:
    """Create the topics that are missing, and verify all."""
    settings = read_settings()
    created = create_topics(settings)
    verify_topics(settings)
    text = f"Created {', '.join(created)}." if created else "Every topic is there already."
    typer.echo(msgspec.json.encode({"created": created}) if as_json else text)


@app.command()
def verify(*, as_json: AsJson = False) -> None:
    """See that every topic is there and as playfold needs it."""
    settings = read_settings()
    verify_topics(settings)
    names = [topic.name for topic in declare_topics(settings)]
    typer.echo(msgspec.json.encode({"verified": names}) if as_json else f"{len(names)} topics are as they should be.")
