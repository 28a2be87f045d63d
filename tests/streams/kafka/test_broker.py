"""The errors of the embedded broker, without Kafka."""

import re
import socket
import subprocess
from pathlib import Path

import pytest

from streams.kafka.broker import Broker, BrokerError, check_java, embedded_broker
from streams.kafka.jars import CHECKSUMS, KAFKA_FOLDER, KAFKA_VERSION, JarsError, jars_path, resolve_jars
from streams.kafka.ports import HOST, free_port
from tests.support.settings import settings_with


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the only folder on the PATH, empty."""
    folder = tmp_path / "tools"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def write_tool(path: Path, script: str) -> None:
    """Write an executable shell script."""
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def said_by_start(folder: Path, port: int | None = None) -> str:
    """Return the sentence with which a broker does not start."""
    with pytest.raises((BrokerError, JarsError)) as caught:
        Broker(folder / "broker", folder / "jars", port or free_port()).start()
    return str(caught.value)


@pytest.mark.usefixtures("tools")
def test_no_java_is_a_sentence(tmp_path: Path) -> None:
    """Nothing is written before Java is found."""
    expected = "Java is not on the PATH: install a Java runtime of version 17 or newer."

    assert expected == said_by_start(tmp_path)
    assert not (tmp_path / "broker").exists()


@pytest.mark.processes
@pytest.mark.parametrize(
    ("printed", "version"),
    [
        ('openjdk version "11.0.27" 2025-04-15', "11"),
        ('java version "1.8.0_292"', "8"),
        ("no version here", "of an unknown version"),
    ],
)
def test_java_too_old_is_a_sentence(tmp_path: Path, tools: Path, printed: str, version: str) -> None:
    """Kafka would end with a class file error."""
    write_tool(tools / "java", f"echo '{printed}' >&2")

    expected = f"{tools}/java is Java {version}, but Kafka needs 17 or newer: install one and put it first on the PATH."
    assert expected == said_by_start(tmp_path)


@pytest.mark.processes
@pytest.mark.parametrize("printed", ['openjdk version "17.0.15" 2025-04-15', 'openjdk version "25" 2025-09-16 LTS'])
def test_java_new_enough_passes(tools: Path, printed: str) -> None:
    """17 and newer, with or without a minor version: the check asks Java, and raises nothing."""
    write_tool(tools / "java", f"echo \"$*\" > {tools}/asked; echo '{printed}' >&2")

    check_java()

    assert "-version\n" == (tools / "asked").read_text()


@pytest.mark.processes
def test_a_taken_port_is_a_sentence(tmp_path: Path) -> None:
    """Any server that listens there is named by its port."""
    with socket.create_server((HOST, 0)) as other:
        port = other.getsockname()[1]

        expected = (
            f"Port {port} on 127.0.0.1 is taken by another program: stop that one, "
            f"or set PLAYFOLD_BROKERS to 127.0.0.1 with a free port."
        )
        assert expected == said_by_start(tmp_path, port)


@pytest.mark.processes
def test_no_maven_is_a_sentence(tmp_path: Path, tools: Path) -> None:
    """Without Maven and without jars there is another way still."""
    write_tool(tools / "java", "echo 'openjdk version \"17\"' >&2")

    expected = (
        f"Maven (mvn) is not on the PATH, and the broker's jars are not in {tmp_path}/jars: "
        f"install Maven, or point PLAYFOLD_BROKERS to a Kafka that runs elsewhere."
    )
    assert expected == said_by_start(tmp_path)


@pytest.mark.processes
def test_a_failing_maven_is_quoted(tmp_path: Path, tools: Path) -> None:
    """Its first line of error stands in the sentence, and nothing half full remains."""
    write_tool(tools / "mvn", "echo warming up; echo '[ERROR] no route to host'; echo '[ERROR] again'; exit 1")

    with pytest.raises(JarsError) as caught:
        resolve_jars(tmp_path / "jars")

    expected = (
        "Maven could not resolve the broker's jars ([ERROR] no route to host): "
        "check that it reaches its repository, then start again."
    )
    assert expected == str(caught.value)
    assert {"jars.lock", "tools"} == {path.name for path in tmp_path.iterdir()}


@pytest.mark.processes
def test_a_jar_that_differs_is_never_put_into_place(tmp_path: Path, tools: Path) -> None:
    """Maven's own success is not trusted."""
    unpack = 'for a in "$@"; do case $a in -DoutputDirectory=*) out=${a#*=};; esac; done'
    names = [line.split()[1] for line in CHECKSUMS.read_text().splitlines()]
    (tmp_path / "names").write_text("\n".join(names) + "\n")
    write_tool(
        tools / "mvn", f'{unpack}; /bin/mkdir "$out"; while read -r n; do : > "$out/$n"; done < {tmp_path}/names'
    )

    with pytest.raises(JarsError) as caught:
        resolve_jars(tmp_path / "jars")

    expected = (
        "HdrHistogram-2.2.2.jar does not match its checksum in jars.sha256 in the jars that Maven resolved: "
        "delete that jar from Maven's local repository and start again, and trust no jar that differs twice."
    )
    assert expected == str(caught.value)
    assert not (tmp_path / "jars").exists()


@pytest.mark.parametrize("brokers", ["kafka.example:9092", "127.0.0.1:1,127.0.0.1:2", "127.0.0.1:99999"])
def test_a_cluster_elsewhere_is_not_embedded(brokers: str) -> None:
    """`playfold broker` does not start a node that nobody would talk to."""
    with pytest.raises(BrokerError) as caught:
        embedded_broker(settings_with(brokers=brokers))

    expected = (
        f"The embedded broker runs at one port of 127.0.0.1, but PLAYFOLD_BROKERS is {brokers}: "
        f"use that Kafka without `playfold broker`, or set 127.0.0.1:<port>."
    )
    assert expected == str(caught.value)


def test_a_cluster_with_tls_is_not_embedded() -> None:
    """The embedded broker has no listener that such clients could use."""
    with pytest.raises(BrokerError) as caught:
        embedded_broker(settings_with(kafka_security_protocol="SSL"))

    expected = (
        "The embedded broker has neither TLS nor a login, but PLAYFOLD_KAFKA_SECURITY_PROTOCOL is SSL: "
        "use that Kafka without `playfold broker`, or unset the protocol."
    )
    assert expected == str(caught.value)


def test_the_settings_say_where_the_broker_is(tmp_path: Path) -> None:
    """Port, folder and jars follow from two settings."""
    settings = settings_with(brokers="localhost:20001", data_dir=str(tmp_path))

    broker = embedded_broker(settings)

    assert broker.bootstrap == "127.0.0.1:20001"
    assert tmp_path / "broker" == broker.folder
    assert tmp_path / "kafka-jars-4.3.1" == jars_path(settings.application)
    assert not broker.running


def test_the_pinned_versions_agree() -> None:
    """The pom, the checksums and the name of the jars' folder speak of one Kafka."""
    pom = (KAFKA_FOLDER / "pom.xml").read_text()
    lines = CHECKSUMS.read_text().splitlines()

    assert f"<artifactId>kafka_2.13</artifactId>\n      <version>{KAFKA_VERSION}</version>" in pom
    assert all(re.fullmatch(r"[0-9a-f]{64}  [A-Za-z0-9_.-]+\.jar", line) for line in lines)
    assert any(line.endswith(f"  kafka_2.13-{KAFKA_VERSION}.jar") for line in lines)
    assert sorted(line.split()[1] for line in lines) == [line.split()[1] for line in lines]


@pytest.mark.processes
@pytest.mark.parametrize(("ends", "status"), [("exit 3", 3), ("kill -9 $$", 137)])
def test_the_shell_ends_with_the_status_of_its_command(ends: str, status: int) -> None:
    """When the command ends by itself the shell does not wait for its parent."""
    command = ["sh", str(KAFKA_FOLDER / "run.sh"), "1", "sh", "-c", ends]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as shell:
        assert status == shell.wait(5)


@pytest.mark.processes
def test_the_shell_ends_its_command_when_standard_input_closes() -> None:
    """SIGTERM first, and SIGKILL for a command that ignores it."""
    command = ["sh", str(KAFKA_FOLDER / "run.sh"), "1", "sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as shell:
        with pytest.raises(subprocess.TimeoutExpired):
            shell.wait(0.2)
        assert shell.stdin is not None
        shell.stdin.close()
        assert shell.wait(5) == 137
