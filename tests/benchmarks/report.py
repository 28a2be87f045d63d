"""Rows of figures, for people as a table and for machines as JSON lines."""

import os
import sys
from collections.abc import Iterable

import msgspec

# Read when BLAS is first loaded, so a benchmark imports this module before numpy: its threads would fight with ours.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


class Row:
    """One measured figure, next to the figure of the other system."""

    def __init__(
        self,
        name: str,
        value: float,
        unit: str,
        against: float | None = None,
        ratio: float | None = None,
        **extra: object,
    ) -> None:
        """Name a figure.

        Args:
            name: Name of the figure; stable, since other programs look for it.
            value: Our figure.
            unit: Its unit.
            against: The other system's figure, measured in the same run.
            ratio: How many times better ours is.
            extra: Other fields of the measurement.
        """
        compared = {"against": against, "ratio": ratio} if against is not None or ratio is not None else {}
        self.fields: dict[str, object] = {"name": name, "value": value, "unit": unit, **compared, **extra}


def report(rows: Iterable[Row], arguments: list[str] | None = None) -> None:
    """Print rows as they are measured: one JSON object a line with `--json`, columns of text without."""
    as_json = "--json" in (sys.argv[1:] if arguments is None else arguments)
    for row in rows:
        line = (
            msgspec.json.encode(row.fields).decode()
            if as_json
            else "  ".join(_cell(*field) for field in row.fields.items())
        )
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def _cell(name: str, value: object) -> str:
    """Return a field as a person reads it."""
    text = f"{value:,.4g}" if isinstance(value, float) else str(value)
    return f"{text:<24}" if name == "name" else text if name == "unit" else f"{name} {text}"
