"""A connection that Kafka refuses ends in one sentence that names the setting, soon, whichever client tries it."""

import socket
from pathlib import Path
from typing import Any

import pytest

from streams.kafka.ports import HOST
from streams.outbox import Outbox, OutboxError
from streams.readers.log_reader import LogReadError, reader
from streams.settings import Password
from streams.topics.admin import TopicsError, verify_topics
from tests.kafka.secure.faults import FAULTS, REJECTED, SCRAM, Case, Fault, filled, soon
from tests.support.forked import run_forked
from tests.support.secure_broker import (
    SUPER,
    MakeSettings,
    SecureBroker,
)


@pytest.fixture(params=FAULTS, scope="session")
def fault(request: pytest.FixtureRequest) -> Fault:
    """Give each fault."""
    return FAULTS[request.param]


@pytest.fixture
def case(fault: Fault, secure: SecureBroker, settings_of: MakeSettings, tmp_path: Path) -> Case:
    """Give the settings of each fault."""
    return filled(fault, secure, settings_of, tmp_path)


async def test_a_reader_says_why(case: Case) -> None:
    """The cause is the same for every client of aiokafka."""
    with soon(), pytest.raises(LogReadError, match=f"^{case.says}$"):
        async with reader(case.settings.kafka, 10):
            pass


def test_an_admin_client_says_why(case: Case) -> None:
    """kafka-python alone would wait for its time-out."""
    with soon(), pytest.raises(TopicsError, match=f"^{case.says}$"):
        verify_topics(case.settings)


@pytest.mark.parametrize("name", ["wrong password", "no TLS where Kafka expects it", "an expired certificate"])
async def test_an_outbox_says_why(name: str, secure: SecureBroker, settings_of: MakeSettings, tmp_path: Path) -> None:
    """A producer gives the same sentence as a reader."""
    case = filled(FAULTS[name], secure, settings_of, tmp_path)

    with pytest.raises(OutboxError, match=f"^{case.says}$"):
        await Outbox(case.settings.kafka).start()


COMMANDS = (
    ("worker",),
    ("gateway",),
    ("topics", "create"),
    ("topics", "verify"),
    ("replay", "{plays}"),
    ("catalog", "load", "{items}"),
    ("retrain",),
    ("forget", "anna"),
    ("export", "anna"),
    ("recommend", "anna"),
    ("popular",),
    ("pulse",),
)
"""A command of every kind that connects."""


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_ends_with_the_sentence(command: tuple[str, ...], settings_of: MakeSettings, tmp_path: Path) -> None:
    """Its status is 1, and it prints nothing else: no traceback, no log of a client."""
    settings = settings_of("SECURE", SCRAM, kafka_password=Password("wrong"))
    (tmp_path / "plays.csv").write_text("user_id,item_id,played_at\nanna,song,1700000000\n")
    (tmp_path / "items.jsonl").write_text('{"item_id": "song", "title": "Song"}\n')
    arguments = [part.format(plays=tmp_path / "plays.csv", items=tmp_path / "items.jsonl") for part in command]

    ended = run_forked(settings, *arguments, timeout_s=60)  # never a retry without end

    sentence = REJECTED.format(at=settings.kafka.brokers, user=SUPER, mechanism=SCRAM)
    assert 1 == ended.returncode
    assert sentence == ended.stderr.strip().splitlines()[-1]
    assert "Traceback" not in ended.stderr


def test_the_doctor_reports_the_sentence(settings_of: MakeSettings) -> None:
    """It is a finding about the broker, and the status is 1."""
    settings = settings_of("SECURE", SCRAM, kafka_password=Password("wrong"))

    ended = run_forked(settings, "doctor", "--json", timeout_s=60)

    assert 1 == ended.returncode
    assert REJECTED.format(at=settings.kafka.brokers, user=SUPER, mechanism=SCRAM) in ended.stdout


async def test_an_advertised_address_where_nothing_listens_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, settings_of: MakeSettings
) -> None:
    """Clients would try it for a minute, and name neither address."""
    settings = settings_of("TLS")
    monkeypatch.setattr("streams.connection.probe._advertised", nowhere)

    with pytest.raises(LogReadError) as caught:
        async with reader(settings.kafka, 10):
            pass

    assert (
        f"Kafka at {settings.kafka.brokers} advertises {HOST}:9, where no broker answers: correct advertised.listeners "
        "of the brokers, or name another listener in PLAYFOLD_BROKERS."
    ) == str(caught.value)


async def nowhere(_connection: Any) -> list[tuple[str, int]]:
    """Return the address of a port where nothing listens."""
    return [(HOST, 9)]


async def test_a_listener_that_is_not_kafka_is_no_fault_of_tls(settings_of: MakeSettings) -> None:
    """The sentence names the address."""
    with socket.create_server((HOST, 0)) as server:
        address = f"{HOST}:{server.getsockname()[1]}"
        settings = settings_of("TLS", brokers=address)

        sentence = f"^No Kafka broker answered at {address}.*: start Kafka, or correct PLAYFOLD_BROKERS.$"
        with pytest.raises(LogReadError, match=sentence):
            async with reader(settings.kafka, 1):
                pass
