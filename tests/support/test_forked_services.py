"""Forked services behave as started ones do."""

import ast
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.process.child_process import Child
from tests.support.forked_services import ForkedChild, ForkedWorker
from tests.support.settings import settings_with
from tests.support.wait import block_until

pytestmark = pytest.mark.processes


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """Give a server that accepts connections and never answers, so that a command waits for it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        yield server


@pytest.fixture
def child(silent: socket.socket, tmp_path: Path) -> Iterator[Child]:
    """Fork a worker that waits for the server."""
    settings = settings_with(brokers=f"127.0.0.1:{silent.getsockname()[1]}", kafka_timeout_s=60.0)
    log_file = tmp_path / "worker.log"
    log_file.touch()
    forked = ForkedChild(settings, "worker", log_file, stop_s=20)
    connection, _ = silent.accept()
    with connection:
        yield forked
    forked.kill()


def test_a_killed_process_has_the_status_of_its_signal(child: Child) -> None:
    """As a shell gives it."""
    assert child.running
    assert child.status is None
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(0.1)

    child.kill()

    assert 128 + signal.SIGKILL == child.status


def test_a_process_stops_at_sigterm(child: Child) -> None:
    """Well before it would be killed."""
    child.stop()

    assert not child.running
    assert 128 + signal.SIGTERM == child.status


def test_a_frozen_process_goes_on(child: Child) -> None:
    """A signal that it got while it was frozen takes effect then."""
    child.send_signal(signal.SIGSTOP)
    child.begin_stop()
    assert child.running
    child.send_signal(signal.SIGCONT)

    block_until(lambda: not child.running)


FORKING = {"ForkedChild", "ForkedGateway", "ForkedWorker", "gateway", "run_forked", "worker"}
"""Names of `tests.support` that fork."""
FILES = sorted(
    file for folder in ("acceptance", "latency") for file in (Path(__file__).parents[1] / folder).glob("*.py")
)


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_tests_of_whole_systems_fork_no_process(file: Path) -> None:
    """They start theirs, so that the imports of a command are tested; `started.py` alone turns forks into starts."""
    imports = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.ImportFrom)]
    names = {alias.name for node in imports if "tests.support" in (node.module or "") for alias in node.names}

    assert FORKING & names == ({"gateway", "worker"} if file.stem == "started" else set())


def test_an_error_is_the_last_line_of_the_log(tmp_path: Path) -> None:
    """The status is 1, as that of a started process."""
    worker = ForkedWorker(settings_with(brokers="127.0.0.1:1", data_dir=str(tmp_path), kafka_timeout_s=1.0))
    worker.start()

    assert 1 == worker.child.wait(60)
    assert "Kafka did not answer at 127.0.0.1:1 within 1 s" in worker.describe_end()
