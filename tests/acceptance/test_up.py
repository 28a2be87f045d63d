"""`playfold up` and `playfold demo` as a user runs them: real processes on a port and in a folder of their own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from streams.kafka.ports import HOST, answers, free_port
from streams.settings import Settings, environment_of
from tests.support.settings import settings_with
from tests.support.shared_broker import JARS
from tests.support.wait import block_until

PROJECT = Path(__file__).parent.parent.parent


@pytest.fixture
def free(tmp_path: Path) -> Settings:
    """Give a test a port and a folder, with the jars that were resolved once for all."""
    (tmp_path / JARS.name).symlink_to(JARS)
    return settings_with(brokers=f"{HOST}:{free_port()}", data_dir=str(tmp_path), partitions=2, gateway_port=0)


@contextmanager
def running_up(settings: Settings, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run `playfold up`."""
    command = [sys.executable, "-m", "cli.main", "up", "--json", *arguments]
    environment = environment_of(settings)
    with subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def await_event(process: subprocess.Popen[str], name: str) -> dict[str, object]:
    """Read events until one of a name comes."""
    assert process.stdout is not None
    for line in process.stdout:
        event: dict[str, object] = json.loads(line)
        if event["event"] == name:
            return event
    message = f"`playfold up` ended before it told {name}."
    raise AssertionError(message)


def workers_of(folder: Path, command: str = "worker") -> list[int]:
    """Return the processes of a command that keep their data in a folder, without the shells around them."""
    pids = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment, command_line = (process / "environ").read_bytes(), (process / "cmdline").read_bytes()
        except OSError:
            continue
        of_folder = f"PLAYFOLD_DATA_DIR={folder}\0".encode() in environment
        if of_folder and f"cli.main\0{command}\0".encode() in command_line and not command_line.startswith(b"sh\0"):
            pids.append(int(process.name))
    return pids


def ended(settings: Settings) -> bool:
    """Return whether broker and workers are gone."""
    folder = settings.application.data_path
    left = [*workers_of(folder), *workers_of(folder, "gateway")]
    return not answers(int(settings.kafka.brokers.rpartition(":")[2])) and not left


def test_up_starts_a_killed_worker_again_and_stops_all(free: Settings) -> None:
    """Two workers get ready, one is killed and gets ready again; SIGTERM ends everything with status 0."""
    with running_up(free, "--workers", "2") as process:
        await_event(process, "up")
        killed, _ = workers_of(free.application.data_path)
        os.kill(killed, signal.SIGKILL)
        assert await_event(process, "worker_ended")["status"] == 137
        await_event(process, "worker_ready")
        assert len(workers_of(free.application.data_path)) == 2

        process.send_signal(signal.SIGTERM)

        assert process.wait(30) == 0
    assert ended(free)


def test_what_up_started_dies_with_it(free: Settings) -> None:
    """SIGKILL leaves it no chance to stop anything."""
    with running_up(free) as process:
        await_event(process, "up")

        process.kill()

    block_until(lambda: ended(free), 30)
