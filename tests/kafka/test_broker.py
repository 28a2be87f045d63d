"""The embedded broker, really started, stopped and killed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from streams.kafka.broker import STOP_S, Broker, BrokerError
from streams.kafka.jars import JarsError, resolve_jars
from streams.kafka.ports import HOST, answers, free_port
from streams.settings import Settings
from streams.topics.admin import create_topics, verify_topics
from streams.topics.topics import declare_topics
from tests.support.settings import settings_with
from tests.support.shared_broker import JARS
from tests.support.wait import block_until

PROJECT = Path(__file__).parent.parent.parent

# A parent that does nothing but hold a broker.
PARENT = """
import sys, time
from pathlib import Path
from streams.kafka.broker import Broker
Broker(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])).start()
print("ready", flush=True)
time.sleep(600)
"""

RESOLVING = """
import sys
from pathlib import Path
from streams.kafka.jars import resolve_jars
print(len(resolve_jars(Path(sys.argv[1]))))
"""


def leftovers(folder: Path) -> list[str]:
    """Return the processes that have to do with a broker's folder."""
    listed = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,stat=,args="], capture_output=True, text=True, check=True
    ).stdout
    return [line for line in listed.splitlines() if str(folder) in line]


@contextmanager
def parent_of(folder: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """Run a process that has started a broker."""
    command = [sys.executable, "-c", PARENT, str(folder), str(JARS), str(port)]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as parent:
        try:
            assert parent.stdout is not None
            assert parent.stdout.readline() == "ready\n"
            yield parent
        finally:
            parent.kill()


def test_a_restart_keeps_the_topics_and_leaves_no_process(tmp_path: Path) -> None:
    """Stop and start on the same folder: the same cluster, on another port if so wished."""
    first, second = free_port(), free_port()
    with Broker(tmp_path, JARS, first) as broker:
        assert f"{HOST}:{first}" == broker.bootstrap
        assert len(leftovers(tmp_path)) == 3
        created = create_topics(settings_with(brokers=broker.bootstrap))
    assert not broker.running
    assert not answers(first)
    assert leftovers(tmp_path) == []

    with Broker(tmp_path, JARS, second) as broker:
        verify_topics(settings_with(brokers=broker.bootstrap))

    assert len(created) == len(declare_topics(Settings()))
    assert leftovers(tmp_path) == []


def test_the_broker_dies_with_its_parent(tmp_path: Path) -> None:
    """SIGKILL leaves the parent no chance to stop anything; the port is free again within seconds all the same."""
    port = free_port()
    with parent_of(tmp_path, port) as parent:
        assert answers(port)
        parent.send_signal(signal.SIGKILL)
        block_until(lambda: not answers(port), 5)
    block_until(lambda: leftovers(tmp_path) == [], 5)

    # A successor does not stumble over the one that is just ending.
    with Broker(tmp_path, JARS, port):
        assert answers(port)


def test_a_successor_waits_for_the_broker_of_a_dead_parent(tmp_path: Path) -> None:
    """Killed and started again at once, the same port and folder serve."""
    port = free_port()
    with parent_of(tmp_path, port) as parent:
        parent.send_signal(signal.SIGKILL)

        with Broker(tmp_path, JARS, port) as broker:
            assert broker.running


def test_a_broker_that_does_not_heed_sigterm_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stop is bounded: a frozen Java virtual machine takes SIGKILL."""
    monkeypatch.setattr("streams.kafka.broker.STOP_S", 1)
    broker = Broker(tmp_path, JARS, free_port())
    broker.start()
    frozen = [int(line.split()[0]) for line in leftovers(tmp_path) if "run.sh" not in line]
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)

    broker.stop()

    assert len(frozen) == 1
    assert leftovers(tmp_path) == []


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    """Blanks, quotes and backslashes survive the way through a properties file."""
    folder = tmp_path / "play fold's \\data"

    with Broker(folder, JARS, free_port()):
        assert (folder / "data" / "meta.properties").exists()


def test_a_broker_that_dies_in_service_is_a_sentence(tmp_path: Path) -> None:
    """When Java ends by itself, the shell around it ends too, and wait says so."""
    with Broker(tmp_path, JARS, free_port()) as broker:
        java = [int(line.split()[0]) for line in leftovers(tmp_path) if "run.sh" not in line]
        os.kill(java[0], signal.SIGKILL)

        with pytest.raises(BrokerError) as caught:
            broker.wait()

        expected = (
            f"The broker ended with status 137 while it was in service: "
            f"read {tmp_path}/log/broker.log and {tmp_path}/log/console.log."
        )
        assert expected == str(caught.value)
        assert not broker.running
    assert leftovers(tmp_path) == []


def test_a_broker_that_dies_during_start_is_a_sentence(tmp_path: Path) -> None:
    """Storage that Kafka cannot read ends it at once; the sentence names the files to read."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "meta.properties").write_text("version=1\n")

    with pytest.raises(BrokerError) as caught:
        Broker(tmp_path, JARS, free_port()).start()

    expected = (
        f"The broker ended with status 1 while it was starting: "
        f"read {tmp_path}/log/broker.log and {tmp_path}/log/console.log."
    )
    assert expected == str(caught.value)
    assert leftovers(tmp_path) == []


def test_a_broker_that_does_not_answer_is_a_sentence(tmp_path: Path) -> None:
    """The error names the log file, and no process is left."""
    broker = Broker(tmp_path, JARS, free_port(), ready_s=0.1)

    with pytest.raises(BrokerError) as caught:
        broker.start()

    expected = (
        f"The broker did not answer on {broker.bootstrap} within 0.1 s: "
        f"read {tmp_path}/log/broker.log, or raise PLAYFOLD_BROKER_READY_S."
    )
    assert expected == str(caught.value)
    assert leftovers(tmp_path) == []


def test_a_folder_in_use_is_a_sentence(broker: Broker) -> None:
    """Two brokers never write to one folder."""
    with pytest.raises(BrokerError) as caught:
        Broker(broker.folder, JARS, free_port()).start()

    expected = (
        f"The broker's folder {broker.folder} is in use by another broker: "
        f"stop that one, or set PLAYFOLD_DATA_DIR to another folder."
    )
    assert expected == str(caught.value)
    assert answers(int(broker.bootstrap.rpartition(":")[2]))


@pytest.fixture
def own_jars(tmp_path: Path) -> Path:
    """Return a folder of jars beside which there is no archive yet."""
    folder = tmp_path / "own" / JARS.name
    folder.mkdir(parents=True)
    for jar in resolve_jars(JARS):
        (folder / jar.name).symlink_to(jar)
    return folder


def is_mapped(folder: Path, archive: Path) -> bool:
    """Return whether the broker of a folder has an archive in its memory."""
    pids = [line.split()[0] for line in leftovers(folder) if "run.sh" not in line]
    return any(f"{archive}\n" in Path(f"/proc/{pid}/maps").read_text() for pid in pids)


def test_a_broker_that_stops_leaves_its_classes_to_the_next(tmp_path: Path, own_jars: Path) -> None:
    """The next one maps them; a damaged archive is ignored, and Kafka starts all the same."""
    with Broker(tmp_path / "first", own_jars, free_port()):
        assert [] == list(own_jars.parent.glob("*.jsa"))
    (archive,) = own_jars.parent.glob("*.jsa")

    with Broker(tmp_path / "second", own_jars, free_port()):
        assert is_mapped(tmp_path / "second", archive)

    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 0xFF
    archive.write_bytes(content)
    with Broker(tmp_path / "third", own_jars, free_port()) as broker:
        assert broker.running
        assert not is_mapped(tmp_path / "third", archive)
    assert bytes(content) == archive.read_bytes()


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_the_command_says_ready_and_stops_cleanly(tmp_path: Path, ending: signal.Signals) -> None:
    """`playfold broker` runs until SIGTERM or Ctrl-C and then ends with status 0."""
    port = free_port()
    (tmp_path / JARS.name).symlink_to(JARS)
    environment = os.environ | {"PLAYFOLD_BROKERS": f"{HOST}:{port}", "PLAYFOLD_DATA_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "cli.main", "broker", "--json"]
    with subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            ready = json.loads(running.stdout.readline())
            assert {"event": "broker_ready", "address": f"{HOST}:{port}", "folder": str(tmp_path / "broker")} == ready
            assert answers(port)

            running.send_signal(ending)

            assert running.wait(2 * STOP_S) == 0
        finally:
            running.terminate()  # where it heeds no Ctrl-C, as under a shell that has it ignored
    assert leftovers(tmp_path) == []


def test_processes_that_resolve_at_once_do_no_harm(tmp_path: Path) -> None:
    """Three resolve into one folder: one asks Maven, all get the same jars."""
    resolve_jars(JARS)
    command = [sys.executable, "-c", RESOLVING, str(tmp_path / "jars")]
    resolving = [subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) for _ in range(3)]

    printed = [process.communicate(timeout=120)[0] for process in resolving]

    assert printed == ["46\n"] * 3
    assert {"jars", "jars.lock"} == {path.name for path in tmp_path.iterdir()}


def test_a_damaged_jar_is_a_sentence(tmp_path: Path) -> None:
    """One flipped byte, one jar too many, one too few: each is named, with the way out."""
    folder = tmp_path / "jars"
    folder.mkdir()
    for jar in resolve_jars(JARS):
        (folder / jar.name).symlink_to(jar)
    way_out = f"in {folder}: delete the folder and start again, Maven then resolves it anew."

    def said() -> str:
        with pytest.raises(JarsError) as caught:
            resolve_jars(folder)
        return str(caught.value)

    (folder / "zz.jar").touch()
    assert f"zz.jar is not listed in jars.sha256 but exists {way_out}" == said()
    (folder / "zz.jar").unlink()
    content = bytearray((folder / "kafka-raft-4.3.1.jar").read_bytes())
    content[1000] ^= 1
    (folder / "kafka-raft-4.3.1.jar").unlink()
    assert f"kafka-raft-4.3.1.jar is listed in jars.sha256 but missing {way_out}" == said()
    (folder / "kafka-raft-4.3.1.jar").write_bytes(content)
    assert f"kafka-raft-4.3.1.jar does not match its checksum in jars.sha256 {way_out}" == said()
