"""`playfold generations`: what is published on this machine."""

from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from state.generation_store import GenerationStore
from streams.settings import read_settings

app = typer.Typer(help="Show the generations that are published.", no_args_is_help=True, add_completion=False)
AsJson = Annotated[bool, typer.Option("--json", help="Answer with JSON, one line a generation.")]


@app.command("list")
def list_generations(*, as_json: AsJson = False) -> None:
    """List the generations on this machine, oldest first."""
    manifests = GenerationStore(read_settings().generations_path).manifests()
    if as_json:
        for manifest in manifests:
            typer.echo(msgspec.json.encode(manifest))
        return
    table = Table("generation", "rule", "factors", "listeners", "items", "plays")
    for manifest in manifests:
        objective, numbers = manifest.objective, (manifest.n_users, manifest.n_items, manifest.n_plays)
        shown = map("{:,}".format, numbers)
        table.add_row(manifest.generation_id, objective.rule, str(objective.factors), *shown)
    Console().print(table)


@app.command()
def show(generation_id: str) -> None:
    """Print the manifest of a generation after verifying its files."""
    generation = GenerationStore(read_settings().generations_path).open(generation_id)
    typer.echo(msgspec.json.format(msgspec.json.encode(generation.manifest)))
