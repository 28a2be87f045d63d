"""Commands that a test runs end with the test, however it ends."""

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from streams.settings import Settings
from tests.support.forked import run_forked
from tests.support.settings import settings_with
from tests.support.wait import block_until

pytestmark = pytest.mark.processes

PROJECT = Path(__file__).parents[2]
PROGRAM = """
import sys

from tests.support.forked import run_forked
from tests.support.settings import settings_with

run_forked(settings_with(brokers=sys.argv[1], kafka_timeout_s=60.0), "export", "anna")
"""
FORKING = """
from streams.settings import Settings
from tests.support.forked import run_forked

def test_that_forks():
    assert 0 == run_forked(Settings(), "export", "--help").returncode
"""


class EndedError(Exception):
    """The test ends here."""


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """Give a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        yield server


def settings_of(server: socket.socket) -> Settings:
    """Return settings under which a command waits for a server for a minute."""
    return settings_with(brokers=address_of(server), kafka_timeout_s=60.0)


def address_of(server: socket.socket) -> str:
    """Return host and port of a server."""
    host, port = server.getsockname()
    return f"{host}:{port}"


def marked(run: str) -> list[int]:
    """Return the processes that were started with a mark in their environment, and those forked from them."""
    pids, mark = list[int](), f"TEST_RUN={run}\0".encode()
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):  # it has ended, or is another user's
            pids += [int(path.parent.name)] if mark in path.read_bytes() else []
    return pids


def test_a_command_that_takes_too_long_is_killed(silent: socket.socket) -> None:
    """No process is left, for which Python would wait at its end."""
    with pytest.raises(subprocess.TimeoutExpired, match=r"'export', 'anna'.* timed out after 0\.5 seconds"):
        run_forked(settings_of(silent), "export", "anna", timeout_s=0.5)

    assert [] == multiprocessing.active_children()


def test_a_command_is_killed_with_the_test_that_waits_for_it(silent: socket.socket) -> None:
    """The time-out of a test raises its error from a signal, as this one does."""
    connections, pids, main = list[socket.socket](), list[int | None](), threading.get_ident()

    def end_test() -> None:
        connections.append(silent.accept()[0])
        pids.extend(process.pid for process in multiprocessing.active_children())
        signal.pthread_kill(main, signal.SIGUSR1)

    handler = signal.signal(signal.SIGUSR1, raise_error)
    ending = threading.Thread(target=end_test)
    ending.start()
    try:
        with pytest.raises(EndedError):
            run_forked(settings_of(silent), "export", "anna")
    finally:
        signal.signal(signal.SIGUSR1, handler)
        ending.join()
    assert 1 == len(pids)
    assert not Path(f"/proc/{pids[0]}").exists()
    assert [] == multiprocessing.active_children()
    connections.pop().close()


def raise_error(*_: object) -> None:
    """End the test."""
    raise EndedError


def test_a_command_ends_with_a_test_process_that_is_killed(silent: socket.socket) -> None:
    """The process from which it was forked ends, too."""
    run = uuid.uuid4().hex
    command = [sys.executable, "-c", PROGRAM, address_of(silent)]
    environment = os.environ | {"TEST_RUN": run}
    with subprocess.Popen(command, cwd=PROJECT, env=environment) as process, silent.accept()[0]:
        assert len(marked(run)) >= 3
        process.kill()
        block_until(lambda: not marked(run))


def test_nothing_is_left_of_a_run_in_several_processes(tmp_path: Path) -> None:
    """The process from which commands are forked ends with the process of the tests that started it."""
    run, file = uuid.uuid4().hex, tmp_path / "test_forking.py"
    file.write_text(FORKING)
    command = [sys.executable, "-m", "pytest", "-c", "pyproject.toml", "-p", "no:cacheprovider", "-n1", str(file)]

    ended = subprocess.run(
        command, cwd=PROJECT, env=os.environ | {"TEST_RUN": run}, capture_output=True, text=True, check=False
    )

    assert "1 passed" in ended.stdout
    block_until(lambda: not marked(run))
