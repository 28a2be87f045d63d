"""Options in groups: the command line has one option per field, the command one argument per group."""

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from cli.option_groups import with_groups

app = typer.Typer()


@dataclass(frozen=True, kw_only=True)
class Base:
    """A group."""

    first: Annotated[int, typer.Option("--one", min=0, help="The first.")] = 1


@dataclass(frozen=True, kw_only=True)
class Group(Base):
    """A group with the options of another one."""

    second: Annotated[bool, typer.Option(help="The second.")] = True


@app.command()
@with_groups
def command(name: str, *, group: Group, last: str = "z") -> None:
    """Print the arguments."""
    typer.echo(f"{name} {group} {last}")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("a", "a Group(first=1, second=True) z"),
        ("a --one 3 --no-second --last y", "a Group(first=3, second=False) y"),
    ],
)
def test_a_group_has_the_values_of_its_options(arguments: str, expected: str) -> None:
    """An option that is left out has the default of its field."""
    assert f"{expected}\n" == CliRunner().invoke(app, arguments).output


def test_an_option_of_a_group_is_checked() -> None:
    """Its bounds are those of the field."""
    ended = CliRunner().invoke(app, "a --one -1")

    assert 2 == ended.exit_code
    assert "--one" in ended.output


def test_the_help_has_every_option_in_order() -> None:
    """Inherited fields come first, at the place of the group."""
    shown = CliRunner().invoke(app, "--help").output

    places = [shown.index(option) for option in ("--one", "--second", "--last")]
    assert sorted(places) == places
    assert command.__doc__ == "Print the arguments."
