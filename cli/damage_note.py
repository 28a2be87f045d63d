"""Notes the records that a command could not read: its answer may lack one of them."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from jobs.doctor.damaged_records import DamagedRecords


@contextmanager
def noted_damage(missing: str) -> Iterator[DamagedRecords]:
    """Collect the batches that the block skips, and name them on stderr at its end, also after an error.

    Args:
        missing: The record of which a later one may be among them, as the object of a sentence.
    """
    damaged = DamagedRecords()
    try:
        yield damaged
    finally:
        for issue in damaged.issues:
            typer.echo(f"{issue.says} {missing} may be among them. {issue.do}", err=True)
