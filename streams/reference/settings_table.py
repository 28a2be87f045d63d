"""The table of settings in docs/configuration.md, generated: `python -m streams.reference.settings_table` writes it."""

import sys
from pathlib import Path
from typing import Any

from msgspec import inspect

from streams.settings import PREFIX, Password, Secret, Settings

FILE = Path(__file__).parents[2] / "docs" / "configuration.md"
HEAD = """# Configuration

Every setting is an environment variable, and this is all of them.
A variable that begins with `PLAYFOLD_` and is not listed here is an error, and so is a value that does not fit:
playfold reports it in one sentence and ends with status 1 before it starts.

`inf` is written for infinity.
All workers of one application need the same settings, `PLAYFOLD_INSTANCE` excepted.
This file is generated from `streams/settings/`; change it there and run `python -m streams.reference.settings_table`.

| variable | default | values | meaning |
|---|---|---|---|
"""
_EMPTY = ("", Secret(""), Password(""))
LIMITS = (("ge", "at least"), ("gt", "more than"), ("le", "at most"), ("lt", "less than"))


def render_table() -> str:
    """Return the text of docs/configuration.md."""
    fields = [field for group in _fields_of(inspect.type_info(Settings)) for field in _fields_of(group.type)]
    return HEAD + "".join(f"| {' | '.join(_row(field))} |\n" for field in fields)


def _fields_of(struct: inspect.Type) -> tuple[inspect.Field, ...]:
    """Return the fields of a struct.

    Raises:
        TypeError: It is no struct.
    """
    if not isinstance(struct, inspect.StructType):
        message = f"{struct} is no struct."
        raise TypeError(message)
    return struct.fields


def _row(field: inspect.Field) -> tuple[str, str, str, str]:
    """Return the cells of one setting."""
    described: Any = field.type
    kind, description = described.type, described.extra_json_schema["description"]
    return (
        f"`{PREFIX}{field.encode_name.upper()}`",
        _default(field.default),
        _values(kind).replace("|", "\\|"),
        description,
    )


def _default(value: Any) -> str:
    if isinstance(value, bool):
        return f"`{value}`".lower()
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`" if value not in _EMPTY else "empty"


def _values(kind: inspect.Type) -> str:
    """Return the valid values of a setting in words."""
    if isinstance(kind, inspect.LiteralType):
        return " or ".join(f"`{value}`" if value else "empty" for value in kind.values)
    if isinstance(kind, inspect.CustomType) and issubclass(kind.cls, Secret):
        return f"matches `{kind.cls.PATTERN}`"
    if isinstance(kind, inspect.StrType):
        return f"matches `{kind.pattern}`" if kind.pattern else "any text"
    if isinstance(kind, inspect.BoolType):
        return "`true` or `false`"
    noun = "whole number" if isinstance(kind, inspect.IntType) else "number"
    limits = [f"{words} {limit:g}" for name, words in LIMITS if (limit := getattr(kind, name)) is not None]
    return ", ".join([noun, *limits])


def write_table(file: Path) -> None:
    """Write docs/configuration.md."""
    file.write_text(render_table())


if __name__ == "__main__":
    write_table(Path(sys.argv[1]) if sys.argv[1:] else FILE)
