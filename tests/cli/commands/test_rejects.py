"""The table of rejected records."""

import pytest
from rich.console import Console

from cli.commands.rejects import table_of
from jobs.rejects.summary import Sample


@pytest.mark.parametrize(
    ("key", "value", "shown"), [(None, None, "not stored"), ("ann", None, "null"), ("ann", "{}", "{}")]
)
def test_a_record_without_a_value_is_no_private_play(key: str | None, value: str | None, shown: str) -> None:
    """Of a private play neither key nor value is stored."""
    sample = Sample(at_ms=0, topic="plays", partition=0, offset=7, reason="wrong", key=key, value=value)
    console = Console(width=120)

    with console.capture() as capture:
        console.print(table_of([sample]))

    assert f"  {shown}" in capture.get()
