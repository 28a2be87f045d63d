"""Processes of playfold, as others start them."""

import pytest

from cli.processes import with_ready_event
from tests.support.settings import settings_with


@pytest.mark.parametrize(
    ("level", "expected"), [("ERROR", "INFO"), ("WARNING", "INFO"), ("INFO", "INFO"), ("DEBUG", "DEBUG")]
)
def test_a_process_logs_that_it_is_ready(level: str, expected: str) -> None:
    """The process that started it waits for that event, also under settings that leave it out."""
    assert expected == with_ready_event(settings_with(log_level=level)).telemetry.log_level
