"""`playfold nightly` without Kafka: its messages about failed nights, and its end."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cli.commands.nightly import TimeError, parse_time
from streams.kafka.ports import free_port
from streams.settings import Settings, environment_of
from tests.support.settings import settings_with
from tests.support.wait import block_until

PROJECT = Path(__file__).parents[3]
SOON = """
import asyncio, sys
from datetime import UTC, datetime, time, timedelta
from cli.event_log import start_event_log
from cli.commands.nightly import reside
from jobs.retraining.schedule import Schedule
from streams.settings import read_settings
now = datetime.now(UTC)
soon = now + timedelta(seconds=float(sys.argv[1]))
settings = read_settings()
start_event_log(settings.telemetry, as_json=True)
asyncio.run(reside(settings, Schedule(time(3), float(sys.argv[2]), soon, soon + timedelta(seconds=0.1))))
"""
"""A resident whose night comes in so many seconds, and its new index right behind it."""


@contextmanager
def resident(
    settings: Settings, log: Path, seconds: float, rebuild_s: float = 3600
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a resident; its messages go to a log."""
    command = [sys.executable, "-c", SOON, str(seconds), str(rebuild_s)]
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd=PROJECT, env=environment_of(settings), stdout=file, stderr=file)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def events(log: Path) -> list[dict[str, Any]]:
    """Return the messages of a resident."""
    return [msgspec.json.decode(line, type=dict[str, Any]) for line in log.read_bytes().splitlines()]


def said(log: Path, event: str, n: int = 1, within_s: float = 20.0) -> list[dict[str, Any]]:
    """Wait until an event was told so many times, and return it."""
    block_until(lambda: sum(each["event"] == event for each in events(log)) >= n, within_s)
    return [each for each in events(log) if each["event"] == event]


def children(settings: Settings) -> list[int]:
    """Return the processes that run under these settings' data folder, those of the resident and below."""
    marker, pids = f"PLAYFOLD_DATA_DIR={settings.application.data_dir}\0".encode(), []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if marker in path.read_bytes():
                pids.append(int(path.parent.name))
        except OSError:
            continue
    return pids


@pytest.mark.processes
def test_a_night_that_fails_is_told_and_the_next_one_is_waited_for(tmp_path: Path) -> None:
    """In one line with the sentence of the command; the index has its turn after it, and fails as well."""
    settings = settings_with(brokers=f"127.0.0.1:{free_port()}", data_dir=str(tmp_path), kafka_timeout_s=0.2)
    log = tmp_path / "nightly.log"

    with resident(settings, log, 0.1) as process:
        (failed,) = said(log, "retrain_failed")
        said(log, "reindex_failed")
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0

    names = [each["event"] for each in events(log)]
    night, index = ["retrain_began", "retrain_failed"], ["reindex_began", "reindex_failed"]
    assert ["nightly_ready", *night, *index, "nightly_stopped"] == names
    expected = (
        f"`playfold retrain` ended with status 1 (No Kafka broker answered at {settings.kafka.brokers}: "
        f"start Kafka, or correct PLAYFOLD_BROKERS): read {tmp_path / 'logs' / 'retrain.log'}."
    )
    assert expected == failed["reason"]


@pytest.mark.processes
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_resident_that_ends_takes_its_child_with_it(tmp_path: Path, number: signal.Signals) -> None:
    """However it ends."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        settings = settings_with(
            brokers=f"127.0.0.1:{mute.getsockname()[1]}", data_dir=str(tmp_path), kafka_timeout_s=60
        )
        with resident(settings, tmp_path / "nightly.log", 0.1) as process:
            connection, _ = mute.accept()
            with connection:
                assert len(children(settings)) > 1

                process.send_signal(number)
                process.wait(10)
                block_until(lambda: not children(settings))

    assert ("nightly_stopped" in (tmp_path / "nightly.log").read_text()) == (number == signal.SIGTERM)


def test_a_time_of_the_day_is_read() -> None:
    """Anything else is a sentence."""
    assert 3 == parse_time("03:00").hour
    assert 0 == parse_time("03:00").minute

    with pytest.raises(TimeError) as caught:
        parse_time("24:00")
    assert "--at is '24:00', which is no time of day: give it as 03:00." == str(caught.value)
