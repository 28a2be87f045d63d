"""The table of rejected records."""

import pytest
from rich.console import Console

from cli.commands.rejects import describe_retry, table_of
from jobs.rejects.retry import RetryResult
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


def test_records_with_a_wrong_key_name_the_option_that_sends_them() -> None:
    """Kafka Connect quotes keys, and its history cannot be written again."""
    said = describe_retry(RetryResult(still_rejected={"the key is not the user_id": 400}), is_rehearsal=False)

    assert said.endswith(
        "400 would be rejected again: the key is not the user_id.\n"
        "`--mend-keys` sends a record under the user_id of its value, whatever its key was."
    )
    assert "--mend-keys" not in describe_retry(RetryResult(still_rejected={"no JSON": 1}), is_rehearsal=False)
