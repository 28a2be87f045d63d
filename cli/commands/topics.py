"""`playfold topics`: create and verify the topics."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from cli.progress_bar import watched
from streams.process.format_text import pluralize
from streams.settings import Settings, read_settings
from streams.topics.topics import declare_topics

if TYPE_CHECKING:
    from jobs.topics.repartition import Repartitioned

app = typer.Typer(help="Create and verify the topics.", no_args_is_help=True, add_completion=False)
AsJson = Annotated[bool, typer.Option("--json", help="Print one line of JSON.")]


@app.command()
def create(*, as_json: AsJson = False) -> None:
    """Create the missing topics, and verify all."""
    from streams.topics.admin import create_topics, verify_topics

    settings = read_settings()
    created = create_topics(settings)
    verify_topics(settings)
    text = f"Created {', '.join(created)}." if created else "All topics exist already."
    typer.echo(msgspec.json.encode({"created": created}) if as_json else text)


@app.command()
def repartition(
    partitions: Annotated[int, typer.Argument(min=1, max=1024, help="Number of partitions of the new topics.")],
    *,
    prefix: Annotated[str | None, typer.Option(help="Topic prefix of the new topics; p8- for 8 by default.")] = None,
    group: Annotated[str | None, typer.Option(help="Group of the new topics; ends with -p8 by default.")] = None,
    as_json: AsJson = False,
) -> None:
    """Copy the state to new topics with another number of partitions, and verify the copy.

    Stop every worker first. The old topics are not changed, so the old settings still work. Run the command
    again to finish a killed run. Run it once more after producers have moved: it copies the plays since then.
    """
    from jobs.topics.repartition import repartition as copy_state
    from jobs.topics.repartition import target_settings

    settings = read_settings()
    target = target_settings(settings, partitions, prefix, group)
    with watched(quiet=as_json) as on_progress:
        repartitioned = asyncio.run(copy_state(settings, target, on_progress))
    typer.echo(msgspec.json.encode(repartitioned) if as_json else describe_repartitioned(repartitioned, settings))


def describe_repartitioned(done: "Repartitioned", old: Settings) -> str:
    """Return the result, the settings of the new topics, and the way back."""
    copied = sum(done.records.values())
    state = f"Copied and verified {pluralize(copied, 'record')}" if done.records else "The state was copied before"
    strays = f" {pluralize(done.strays, 'record')} of listeners were not on their own partition." if done.strays else ""
    return (
        f"{state}; {pluralize(done.plays, 'waiting play')} of the old topic are on the new one.{strays}\n"
        f"From now on: PLAYFOLD_PARTITIONS={done.partitions} PLAYFOLD_TOPIC_PREFIX={done.topic_prefix} "
        f"PLAYFOLD_GROUP={done.group}\n"
        f"The way back: PLAYFOLD_PARTITIONS={old.topics.partitions} PLAYFOLD_TOPIC_PREFIX={old.topics.prefix} "
        f"PLAYFOLD_GROUP={old.application.group}"
    )


@app.command()
def verify(*, as_json: AsJson = False) -> None:
    """Verify that every topic exists as declared."""
    from streams.topics.admin import verify_topics

    settings = read_settings()
    verify_topics(settings)
    names = [topic.name for topic in declare_topics(settings)]
    typer.echo(msgspec.json.encode({"verified": names}) if as_json else f"All {len(names)} topics exist as declared.")
