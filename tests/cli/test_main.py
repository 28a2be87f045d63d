"""The command line as a whole: quick help, and errors that are one sentence."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from aiokafka.errors import TopicAuthorizationFailedError, UnknownError

import cli.main
from jobs.user_requests.send import RequestTimeoutError
from jobs.user_requests.trace import TraceTimeoutError
from streams.kafka.broker import BrokerError
from streams.outbox import OutboxError
from streams.readers.log_reader import LogReadError
from streams.settings import environment_of
from tests.support.settings import settings_with
from web.server.protocol import PortTakenError


def run_main(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int | str | None:
    """Run the command line in this process and return its exit code, a text for a sentence on stderr."""
    monkeypatch.setattr(sys, "argv", ["playfold", *arguments])
    with pytest.raises(SystemExit) as caught:
        cli.main.main()
    return caught.value.code


def raise_from(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Let the application do nothing but raise."""

    def fail() -> None:
        raise error

    monkeypatch.setattr(cli.main, "app", fail)


@pytest.mark.parametrize("arguments", [("recommend", "--items", "caf\udce9"), ("generations", "list", "caf\udce9")])
def test_an_argument_that_is_no_utf_8_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    """Each id is UTF-8, and a terminal may write another encoding."""
    raise_from(monkeypatch, UnicodeEncodeError("utf-8", "caf\udce9", 3, 4, "surrogates not allowed"))

    expected = "The argument caf\\udce9 is no UTF-8, and every id is: correct the terminal's encoding."
    assert expected == run_main(monkeypatch, *arguments)


def test_help_lists_every_command_without_importing_any(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A command's heavy imports wait until it runs."""
    for name in cli.main.COMMANDS:
        monkeypatch.delitem(sys.modules, f"cli.commands.{name}", raising=False)

    assert run_main(monkeypatch, "--help") == 0

    printed = capsys.readouterr().out
    assert all(name in printed and text in printed for name, text in cli.main.COMMANDS.items())
    assert not {f"cli.commands.{name}" for name in cli.main.COMMANDS} & set(sys.modules)


@pytest.mark.processes
def test_help_loads_nothing_heavy() -> None:
    """Neither the maths nor a client of Kafka, so it is quick on any machine."""
    program = """
import sys
from cli.main import main
sys.argv = ["playfold", "--help"]
try:
    main()
finally:
    print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    loaded = set(ended.stderr.split())
    assert {"cli", "streams", "typer"} <= loaded
    assert not loaded & {"numpy", "numba", "scipy", "pyarrow", "faust", "aiokafka", "kafka", "rocksdict", "model"}


@pytest.mark.processes
@pytest.mark.parametrize("name", sorted(cli.main.COMMANDS))
def test_every_command_has_its_file_and_its_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """The table and the files agree."""
    assert isinstance(importlib.import_module(f"cli.commands.{name}").app, typer.Typer)

    assert run_main(monkeypatch, name, "--help") == 0

    assert f"playfold {name}" in capsys.readouterr().out


def test_an_unknown_command_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 2, as every command line does."""
    assert run_main(monkeypatch, "sing") == 2
    assert "sing" in capsys.readouterr().err


def test_an_error_of_ours_is_its_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreter prints a text given to exit on stderr and ends with status 1."""
    raise_from(monkeypatch, BrokerError("The broker is not here."))

    assert run_main(monkeypatch) == "The broker is not here."


@pytest.mark.parametrize("kind", [LogReadError, OutboxError, TraceTimeoutError, RequestTimeoutError, PortTakenError])
def test_an_error_of_ours_that_is_an_os_error_has_one_full_stop(
    monkeypatch: pytest.MonkeyPatch, kind: type[OSError]
) -> None:
    """Its message is a whole sentence already, unlike that of an error of the system."""
    raise_from(monkeypatch, kind("Kafka did not answer."))

    assert "Kafka did not answer." == run_main(monkeypatch)


def test_an_error_of_the_system_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder that may not be written to is no reason for a traceback."""
    raise_from(monkeypatch, PermissionError(13, "Permission denied", str(tmp_path)))
    assert run_main(monkeypatch) == f"{tmp_path}: Permission denied."

    raise_from(monkeypatch, ConnectionError("It went away"))
    assert run_main(monkeypatch) == "It went away."


def test_a_mistake_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unforeseen error has its traceback."""
    raise_from(monkeypatch, KeyError("unforeseen"))

    with pytest.raises(KeyError, match="unforeseen"):
        cli.main.main()


def test_a_missing_right_is_a_sentence_wherever_it_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Aiokafka raises its own error in some requests; the sentence names right and topic."""
    raise_from(monkeypatch, TopicAuthorizationFailedError("plays"))

    said = str(run_main(monkeypatch))

    assert "does not allow this client the right READ on topic plays: grant it" in said


def test_another_error_of_the_client_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """It shows where it happened, as any mistake of ours."""
    raise_from(monkeypatch, UnknownError())

    with pytest.raises(UnknownError):
        cli.main.main()


def test_a_setting_that_does_not_fit_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands read the environment through the settings."""
    monkeypatch.setenv("PLAYFOLD_PARTITIONS", "0")

    expected = "PLAYFOLD_PARTITIONS is '0', which does not fit: expected `int` >= 1."
    assert expected == run_main(monkeypatch, "topics", "verify")


@pytest.mark.processes
def test_without_kafka_a_command_prints_one_line(tmp_path: Path) -> None:
    """The warnings of the client libraries do not stand beside the sentence."""
    away = settings_with(brokers="127.0.0.1:1", data_dir=str(tmp_path))

    ended = subprocess.run(
        [sys.executable, "-m", "cli.main", "popular"],
        env=environment_of(away),
        capture_output=True,
        text=True,
        check=False,
    )

    assert "No Kafka broker answered at 127.0.0.1:1: start Kafka, or correct PLAYFOLD_BROKERS.\n" == ended.stderr
    assert 1 == ended.returncode
