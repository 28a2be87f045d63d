"""Texts on the command line are taken as they are: typer would import pydantic for each command to check that.

This uses private parts of typer (`typer._coercion`); `tests/cli/test_quick_arguments.py` fails if they change.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from typer import Context
from typer._coercion import RuntimeParam, TypeDescriptor, build_runtime_param


@dataclass(frozen=True)
class QuickParameter(RuntimeParam):
    """Takes a text as it is, and leaves every other value to typer."""

    descriptor: TypeDescriptor

    def _coerce_value(self, value: Any, param: Any, ctx: Any) -> Any:
        if self.annotation is str and isinstance(value, str) and _is_text(value):
            return value
        return build_runtime_param(self.descriptor)._coerce_value(value, param=param, ctx=ctx)  # noqa: SLF001


def quicken(command: Any) -> Any:
    """Return a command of typer whose parameters, and those of its subcommands, load as little as possible."""
    for subcommand in getattr(command, "commands", {}).values():
        quicken(subcommand)
    quicken_parameters(command.get_params(Context(command)))
    return command


def quicken_parameters(parameters: Iterable[Any]) -> None:
    """Make parameters quick; the help option of a command is one of them."""
    for parameter in parameters:
        descriptor = parameter.type_descriptor
        quick = QuickParameter(descriptor.parameter_info, descriptor.annotation, descriptor)
        parameter._runtime_param = quick  # noqa: SLF001


def _is_text(value: str) -> bool:
    """Return whether a text is UTF-8; typer reports an argument that is not."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
