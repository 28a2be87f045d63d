"""The log of a process."""

import json
import logging
from collections.abc import Iterator

import pytest

from cli.event_log import FAUSTS, OURS, start_event_log
from streams.settings.processes import TelemetrySettings

LEVELS = [logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR]


@pytest.fixture(autouse=True)
def _restore_levels() -> Iterator[None]:
    """Leave the loggers of this process as they were."""
    loggers = [logging.getLogger(name) for name in ("", *OURS, *FAUSTS)]
    before = [(logger, logger.level, logger.handlers[:]) for logger in loggers]
    yield
    for logger, level, handlers in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers


def logged(capsys: pytest.CaptureFixture[str], name: str) -> list[str]:
    """Log an event of each level under a name, and return the levels of those that are written."""
    for level in LEVELS:
        logging.getLogger(name).log(level, "thing_happened")
    return [json.loads(line)["level"] for line in capsys.readouterr().err.splitlines()]


@pytest.mark.parametrize(
    ("level", "ours", "libraries"),
    [
        ("DEBUG", ["debug", "info", "warning", "error"], ["info", "warning", "error"]),
        ("INFO", ["info", "warning", "error"], ["warning", "error"]),
        ("WARNING", ["warning", "error"], ["warning", "error"]),
        ("ERROR", ["error"], ["error"]),
    ],
)
def test_the_level_is_a_setting(
    level: str, ours: list[str], libraries: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Libraries follow with their warnings, and with DEBUG so do their own steps and those of Faust."""
    start_event_log(TelemetrySettings(log_level=level), as_json=True)  # type: ignore[arg-type]  # each is a level

    assert ours == logged(capsys, "cli.commands.worker")
    assert libraries == logged(capsys, "aiokafka")
    assert libraries == logged(capsys, "state.users.store")


def test_an_event_has_its_fields(capsys: pytest.CaptureFixture[str]) -> None:
    """As `name=value` for people, and in JSON for machines."""
    log = logging.getLogger("cli.commands.worker")

    start_event_log(TelemetrySettings(), as_json=False)
    log.info("worker_ready", extra={"partitions": [0, 1]})
    for_people = capsys.readouterr().err
    start_event_log(TelemetrySettings(), as_json=True)
    log.info("worker_ready", extra={"partitions": [0, 1]})
    for_machines = json.loads(capsys.readouterr().err)

    assert for_people.endswith(" worker_ready partitions=[0, 1]\n")
    assert ["at", "level", "event", "partitions"] == list(for_machines)
    assert "worker_ready" == for_machines["event"]
    assert [0, 1] == for_machines["partitions"]
