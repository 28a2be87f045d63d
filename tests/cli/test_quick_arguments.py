"""Parameters of commands: texts as they are, every other value as typer reads it."""

import subprocess
import sys
from typing import Annotated

import pytest
import typer

from cli.quick_arguments import quicken

app = typer.Typer(add_completion=False)
PROGRAM = """
import sys
from cli.quick_arguments import quicken
import cli.commands.recommend, typer
command = quicken(typer.main.get_command(cli.commands.recommend.app))
command.make_context("recommend", ["anna"])
print("pydantic" in sys.modules)
"""


@app.command()
def show(
    user: Annotated[str | None, typer.Argument()] = None,
    *,
    n: Annotated[int, typer.Option(min=1)] = 3,
    items: Annotated[list[str] | None, typer.Option()] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Print the arguments."""
    typer.echo(repr((user, n, items, as_json)))


def outcome_of(arguments: list[str], capsys: pytest.CaptureFixture[str], *, is_quick: bool) -> tuple[object, str, str]:
    """Return the status, stdout and stderr of the command, as typer makes it or with quick arguments."""
    command = typer.main.get_command(app)
    with pytest.raises(SystemExit) as caught:
        (quicken(command) if is_quick else command).main(arguments, "show")
    return caught.value.code, *capsys.readouterr()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["anna"],
        [" 'ä b' "],
        [""],
        ["a\udcff"],
        ["anna", "--n", "7", "--json"],
        ["--n", "0"],
        ["--n", "seven"],
        ["--items", "a", "--items", "b"],
        ["--unknown"],
        ["anna", "bert"],
    ],
)
def test_arguments_are_read_as_typer_reads_them(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The same values, the same errors, the same status."""
    assert outcome_of(arguments, capsys, is_quick=False) == outcome_of(arguments, capsys, is_quick=True)


def test_subcommands_are_quick_too(capsys: pytest.CaptureFixture[str]) -> None:
    """Commands such as `generations` have several."""
    both = typer.Typer(add_completion=False)
    for name in ("one", "other"):
        both.command(name)(show)

    with pytest.raises(SystemExit):
        quicken(typer.main.get_command(both)).main(["other", "anna"], "both")

    assert "('anna', 3, None, False)\n" == capsys.readouterr().out


@pytest.mark.processes
def test_a_text_needs_no_pydantic() -> None:
    """Its import is a fifth of the processor time of a quick command."""
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)

    assert "False\n" == ended.stdout
