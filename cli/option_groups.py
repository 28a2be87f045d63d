"""Groups of options: a dataclass, each field of which is an option of a command."""

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Any


def with_groups(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of its groups: every parameter of a dataclass type becomes the fields of that class.

    Typer reads the signature of the result, which has one parameter per option. The fields are keyword-only.
    """
    signature = inspect.signature(command, eval_str=True)
    groups = {name: each.annotation for name, each in signature.parameters.items() if _is_group(each)}

    @functools.wraps(command)
    def run(**given: Any) -> None:
        for name, group in groups.items():
            given[name] = group(**{field.name: given.pop(field.name) for field in dataclasses.fields(group)})
        command(**given)

    options = [option for each in signature.parameters.values() for option in _options_of(each)]
    run.__signature__ = signature.replace(parameters=options)  # type: ignore[attr-defined]
    return run


def _is_group(parameter: inspect.Parameter) -> bool:
    return dataclasses.is_dataclass(parameter.annotation)


def _options_of(parameter: inspect.Parameter) -> list[inspect.Parameter]:
    """Return the options of a parameter: the fields of a group, or the parameter itself."""
    if not _is_group(parameter):
        return [parameter]
    return list(inspect.signature(parameter.annotation, eval_str=True).parameters.values())
