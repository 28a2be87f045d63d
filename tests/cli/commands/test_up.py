"""How `playfold up` watches its workers, with one that does as it is told."""

import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.commands import up
from cli.commands.up import UpError, Watched, runs_elsewhere, worker_settings
from cli.processes import Service, last_line
from streams.kafka.ports import free_port
from streams.settings import Settings, environment_of, read_settings
from tests.support.settings import settings_with


class FakeWorker:
    """A worker that runs until it is told to end."""

    command = "worker"
    name = "Worker a"
    settings = Settings()

    def __init__(self) -> None:
        """Begin before the first start."""
        self.running = False
        self.ready = False
        self.starts = 0
        self.child = SimpleNamespace(status=1)

    def start(self) -> None:
        """Run."""
        self.running, self.starts = True, self.starts + 1

    def describe_end(self) -> str:
        """Return a sentence."""
        return "Worker a ended with status 1 (it broke): read a.log."


class Heard:
    """Collects messages."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.events: list[str] = []

    def print_event(self, event: str, *_: Any, **__: Any) -> None:
        """Hear an event."""
        self.events.append(event)


def test_a_worker_that_ends_is_started_again_after_a_pause() -> None:
    """And its readiness is told each time."""
    worker, heard = FakeWorker(), Heard()
    watched = Watched(worker, heard)  # type: ignore[arg-type]
    worker.ready = True
    watched.check(0.0)

    worker.running = False
    watched.check(10.0)
    watched.check(10.5)
    assert worker.starts == 1
    watched.check(11.1)
    watched.check(11.2)

    assert worker.starts == 2
    assert ["worker_ready", "worker_ended", "worker_ready"] == heard.events


def test_a_worker_that_ends_too_often_is_a_sentence() -> None:
    """Five ends in a minute are borne, the sixth is not."""
    worker = FakeWorker()
    watched = Watched(worker, Heard())  # type: ignore[arg-type]
    now = 0.0
    for _ in range(5):
        worker.running = False
        watched.check(now)
        watched.check(now + 1.5)
        now += 2
    worker.running = False

    with pytest.raises(UpError) as caught:
        watched.check(now)

    expected = "Worker a ended with status 1 (it broke): read a.log. It ended 6 times in a minute and is not restarted."
    assert expected == str(caught.value)


def test_a_worker_that_ends_now_and_then_goes_on() -> None:
    """Ends count for a minute."""
    worker = FakeWorker()
    watched = Watched(worker, Heard())  # type: ignore[arg-type]

    for number in range(20):
        worker.running = False
        watched.check(13.0 * number)
        watched.check(13.0 * number + 2)

    assert worker.starts == 21


@pytest.mark.processes
@pytest.mark.parametrize("brokers", ["kafka.example.org:9092", "127.0.0.1:1,127.0.0.1:2"])
def test_a_kafka_elsewhere_is_used_as_it_is(brokers: str) -> None:
    """Only one free port of this machine asks for the embedded broker."""
    assert runs_elsewhere(settings_with(brokers=brokers).kafka)
    assert not runs_elsewhere(settings_with(brokers=f"127.0.0.1:{free_port()}").kafka)


def test_a_kafka_with_tls_runs_elsewhere() -> None:
    """The embedded broker has none, and this Kafka does not answer in the clear."""
    settings = settings_with(brokers=f"127.0.0.1:{free_port()}", kafka_security_protocol="SSL")

    assert runs_elsewhere(settings.kafka)


def test_every_worker_has_an_instance_of_its_own() -> None:
    """The first keeps the name, so that one worker more or less leaves the state of the others in place."""
    settings = settings_with(instance="a")

    assert ["a", "a-2", "a-3"] == [worker_settings(settings, number).application.instance for number in (1, 2, 3)]


def test_processes_begin_after_all_topics_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """If this one dies before, none of them begins: the start file does not exist yet."""
    start_files, seen = list[Path](), list[bool]()

    def no_processes(_settings: Settings, _workers: int, start_file: Path, *, gateway: bool) -> list[Service]:
        assert gateway
        start_files.append(start_file)
        return []

    def look(*_: object) -> None:
        seen.append(start_files[0].exists())

    monkeypatch.setattr(up, "processes_of", no_processes)
    monkeypatch.setattr(up, "runs_elsewhere", lambda _kafka: True)
    monkeypatch.setattr(up, "prepare_topics", look)
    monkeypatch.setattr(up, "watch", look)
    monkeypatch.setattr(signal, "signal", lambda *_: None)

    ended = CliRunner().invoke(up.app, [])

    assert ended.exception is None
    assert [False, True] == seen


def test_processes_run_under_the_same_settings() -> None:
    """Independently of the environment of the caller."""
    settings = settings_with(brokers="127.0.0.1:1", half_life_plays=float("inf"), partitions=7)

    assert settings == read_settings(environment_of(settings))


def test_the_last_line_of_a_log_is_quoted(tmp_path: Path) -> None:
    """Without its full stop, for it stands within a sentence."""
    log = tmp_path / "a.log"
    log.write_text('{"event":"x"}\nKafka did not answer.\n\n')
    assert last_line(log) == "Kafka did not answer"

    log.write_text("")
    assert last_line(log) == "it wrote nothing"
