"""Bounds of a test run: unit tests stay within their process, and no test runs forever."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.tiers import folder_of
from tests.support.unit_guard import GUARD

PROJECT = Path(__file__).parents[2]
HANGING = """
import asyncio

async def test_that_hangs():
    await asyncio.Event().wait()

def test_that_follows():
    assert True
"""


def test_a_unit_test_starts_no_process() -> None:
    """It fails with a sentence, also where the code under test survives the error."""
    with pytest.raises(pytest.fail.Exception) as caught, GUARD.watch(), pytest.raises(PermissionError):
        subprocess.run(["true"], check=True)

    assert (
        "A unit test stays within its process, but this one called subprocess.Popen true: "
        "give it a fake, or mark it with `processes`." == str(caught.value)
    )


def test_a_unit_test_connects_to_itself_alone() -> None:
    """A server of its own is no other process; any other address is."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname()) as connected:
            assert server.getsockname() == connected.getpeername()
        address = server.getsockname()

    with (
        pytest.raises(pytest.fail.Exception, match=r"called socket\.connect \('127\.0\.0\.1', "),
        GUARD.watch(),
        pytest.raises(PermissionError),
    ):
        socket.create_connection(address)


@pytest.mark.parametrize(
    ("path", "folder"),
    [("tests/kafka/secure/test_faults.py", "kafka"), ("tests/web/test_app.py", "web"), ("streams/kafka/broker.py", "")],
)
def test_a_tier_is_a_folder_of_tests(path: str, folder: str) -> None:
    """A folder of code with the name of a tier is none."""
    assert folder == folder_of(PROJECT / path, PROJECT)


@pytest.mark.processes
def test_examples_of_code_are_unit_tests() -> None:
    """An example that needs another process fails. A file without an example is not imported to look for one."""
    folder = str(PROJECT / "state" / "generations")
    command = [sys.executable, "-X", "importtime", "-m", "pytest", "-s", "-m", "unit", "-p", "no:cacheprovider", folder]

    ended = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)

    assert 0 == ended.returncode, ended.stdout
    assert "generations/naming.py ." in ended.stdout
    assert "1 passed" in ended.stdout
    assert "annoy" not in ended.stderr  # indexes are built with it


@pytest.mark.processes
def test_a_test_that_hangs_fails_and_the_run_goes_on(tmp_path: Path) -> None:
    """Its failure shows where it hangs; in an event loop, in one of several processes."""
    file = tmp_path / "test_hanging.py"
    file.write_text(HANGING)
    command = [sys.executable, "-m", "pytest", "-c", "pyproject.toml", "-p", "tests.support.hung_tasks"]
    command += ["-n1", "-o", "timeout=1", str(file)]

    ended = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)

    assert 1 == ended.returncode
    assert "1 failed, 1 passed" in ended.stdout
    assert "Timeout (>1.0s) from pytest-timeout." in ended.stdout
    assert "await asyncio.Event().wait()" in ended.stdout
