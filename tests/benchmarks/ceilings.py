"""The file of the budget: the release to compare with, and a ceiling for each figure of its benchmarks."""

import math
import tomllib
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from tests.benchmarks.table import BENCHMARKS
from tests.benchmarks.versus import ROUNDS_MIN

FORM = f"It has `release`, `rounds` of {ROUNDS_MIN} or more, and for each benchmark a table `[ceilings.NAME]`."

Ceilings = dict[str, float]
"""Largest shares of the release's figures, by the figure's name."""


class BudgetError(ValueError):
    """The budget cannot be judged by: correct the file that the message names."""


class Budget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ceilings of all benchmarks."""

    release: Annotated[str, Meta(min_length=1)]
    """The revision whose figures are 1."""
    rounds: Annotated[int, Meta(ge=ROUNDS_MIN)]
    """Rounds of each benchmark."""
    ceilings: dict[str, Ceilings]
    """By the benchmark's name."""


def read_budget(file: Path) -> Budget:
    """Read a budget.

    Raises:
        BudgetError: The file is missing or damaged, names an unknown benchmark, or has a ceiling that no figure could
            be beyond.
    """
    try:
        budget = msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), Budget)
    except FileNotFoundError:
        message = f"There is no budget {file}: restore the file from git."
        raise BudgetError(message) from None
    except ValueError as error:
        message = f"{file.name} is no budget: {error}. {FORM}"
        raise BudgetError(message) from None
    if not any(budget.ceilings.values()):
        message = f"{file.name} has no ceiling, so nothing could be beyond it. {FORM}"
        raise BudgetError(message)
    for name, ceilings in budget.ceilings.items():
        _check(file.name, name, ceilings)
    return budget


def _check(file: str, benchmark: str, ceilings: Ceilings) -> None:
    """Check the ceilings of one benchmark.

    Raises:
        BudgetError: There is no such benchmark, or a ceiling is no finite number above 0.
    """
    if benchmark not in BENCHMARKS:
        message = f"{file} has ceilings for {benchmark}, which is no benchmark; there are {', '.join(BENCHMARKS)}."
        raise BudgetError(message)
    for figure, ceiling in ceilings.items():
        if not (math.isfinite(ceiling) and ceiling > 0):
            message = f"The ceiling of {figure} in {file} is {ceiling:g}, and must be a finite share above 0."
            raise BudgetError(message)
