"""Services that are forked from one process: they are children of the process that wants them, and end with it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cli import shared_start as shared_start_file
from cli.processes import GatewayProcess, Service, WorkerProcess
from cli.shared_start import Forked, SharedStart, Wanted, shared_start
from streams.settings import Settings
from tests.support.settings import settings_with
from tests.support.wait import block_until

pytestmark = pytest.mark.processes
PROJECT = Path(__file__).parents[2]
PARENT = """
import sys, time
from pathlib import Path
from cli.processes import GatewayProcess, WorkerProcess
from cli.shared_start import SharedStart
from streams.settings import read_settings
start_file = Path(sys.argv[1])
services = [kind(read_settings(), start_file) for kind in (WorkerProcess, GatewayProcess)]
SharedStart(services).finish()
print(*(service.child._pid for service in services), flush=True)
time.sleep(600)
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return settings of a Kafka that is not there: services wait for their start file before they connect."""
    return settings_with(brokers="127.0.0.1:1", data_dir=str(tmp_path))


@pytest.fixture
def services(settings: Settings, tmp_path: Path) -> Iterator[list[Service]]:
    """Give a worker and a gateway that will wait for a start file."""
    made: list[Service] = [kind(settings, tmp_path / "start") for kind in (WorkerProcess, GatewayProcess)]
    yield made
    for service in made:
        service.stop()


def stat_of(pid: int) -> list[str]:
    """Return the state and the further fields of a process."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def pids_below(folder: Path) -> list[int]:
    """Return the processes of this folder's services, and their guards."""
    pids = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes()
        except OSError:
            continue
        if f"PLAYFOLD_DATA_DIR={folder}\0".encode() in environment:
            pids.append(int(process.name))
    return pids


def pid_of(service: Service) -> int:
    """Return the number of a service's process."""
    pid: int = service.child._pid  # type: ignore[attr-defined]  # noqa: SLF001
    return pid


def test_services_are_children_of_this_process_under_their_own_names(services: list[Service]) -> None:
    """Only the process that they were forked from has ended."""
    SharedStart(services).finish()

    pids = [pid_of(service) for service in services]
    assert [True, True] == [service.running for service in services]
    assert {os.getpid()} == {int(stat_of(pid)[1]) for pid in pids}
    for service, pid in zip(services, pids, strict=True):
        shown = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
        assert [os.fsencode(sys.executable), b"-m", b"cli.main", *map(os.fsencode, service.arguments)] == shown


def test_services_share_their_memory(services: list[Service]) -> None:
    """A page that neither writes to is counted once: half of it for each in the proportional set size."""
    SharedStart(services).finish()

    for service in services:
        sizes = dict(
            line.split()[:2]
            for line in Path(f"/proc/{pid_of(service)}/smaps_rollup").read_text().splitlines()
            if line.split()[0] in {"Pss_Anon:", "Anonymous:"}
        )
        assert int(sizes["Pss_Anon:"]) < 0.7 * int(sizes["Anonymous:"])


def test_a_service_stops_like_one_that_is_started(services: list[Service], tmp_path: Path) -> None:
    """SIGTERM ends it, its status is that of a shell, and its guard ends too."""
    SharedStart(services).finish()

    for service in services:
        service.stop()

    assert [143, 143] == [service.child.status for service in services]
    assert [] == pids_below(tmp_path)


def test_a_killed_service_is_started_as_usual(services: list[Service]) -> None:
    """It is forked at its first start only."""
    SharedStart(services).finish()
    worker = services[0]

    worker.kill()
    killed = worker.child.status
    worker.start()

    assert 137 == killed
    assert worker.running


def test_services_die_with_the_process_that_wants_them(
    settings: Settings, services: list[Service], tmp_path: Path
) -> None:
    """SIGKILL leaves it no chance to stop anything."""
    command = [sys.executable, "-c", PARENT, str(tmp_path / "start")]
    environment = services[0].environment
    with subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert 2 == len(parent.stdout.readline().split())
        assert str(tmp_path) == settings.application.data_dir

        parent.send_signal(signal.SIGKILL)

    block_until(lambda: not pids_below(tmp_path), 30)


def test_an_import_that_fails_leaves_the_services_to_their_own_start(
    services: list[Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its error is in the log of the first service, which will fail the same way."""
    monkeypatch.setattr(shared_start_file, "PROGRAM", "cli.no_such_file")
    SharedStart(services).finish()

    assert [False, False] == [service.running for service in services]
    assert "No module named cli.no_such_file" in services[0].log_file.read_text()


def test_an_import_may_print(services: list[Service], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as a warning of a library: the processes are named in the last line."""
    (tmp_path / "sitecustomize.py").write_text('print("a library is old")')
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    SharedStart(services).finish()

    assert [True, True] == [service.running for service in services]


def test_a_service_that_cannot_be_forked_leaves_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise one process of two would run beside the one that is started in its place."""
    ended: list[int] = []

    def fork(service: Wanted, _: Sequence[Wanted]) -> Forked:
        if service.arguments == ["second"]:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        return Forked(pid=4711, guard=4712)

    monkeypatch.setattr(shared_start_file, "_fork", fork)
    monkeypatch.setattr(os, "kill", lambda pid, _: ended.append(pid))
    wanted = [Wanted([name], {}, str(tmp_path / name), 0) for name in ("first", "second")]

    with pytest.raises(SystemExit, match=r"could not be forked .*started one by one"):
        shared_start_file._fork_all(wanted)  # noqa: SLF001  it ends its process otherwise
    assert [4711] == ended


def test_the_status_is_read_by_many_threads(services: list[Service]) -> None:
    """A process can be waited for once."""
    SharedStart(services).finish()
    worker = services[0]
    worker.child.send_signal(signal.SIGKILL)

    with ThreadPoolExecutor(8) as threads:
        statuses = [waiting.result() for waiting in [threads.submit(worker.child.wait, 20) for _ in range(8)]]

    assert [137] * 8 == statuses


def test_services_that_are_not_wanted_any_more_end(services: list[Service], tmp_path: Path) -> None:
    """An error between the start and its end, such as that of a broker, leaves no process."""

    def fail() -> None:
        with shared_start(services):
            message = "no broker"
            raise RuntimeError(message)

    with pytest.raises(RuntimeError, match="broker"):
        fail()
    block_until(lambda: not pids_below(tmp_path), 30)


def test_a_single_service_shares_nothing(services: list[Service]) -> None:
    """It is started at once."""
    with shared_start(services[:1]) as started:
        assert started is None
        assert services[0].running
