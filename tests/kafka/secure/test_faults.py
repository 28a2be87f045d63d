"""A connection that Kafka refuses ends in one sentence that names the setting, soon, whichever client tries it."""

import asyncio
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from streams.connection.start import ConnectionWatch, UnreachableError
from streams.kafka.broker import HOST
from streams.outbox import Outbox, OutboxError
from streams.readers.log_reader import LogReadError, reader
from streams.settings import Password, Settings, override
from streams.topics.admin import TopicsError, create_topics, delete_topics, verify_topics
from tests.support.certificates import Authority
from tests.support.forked import run_forked
from tests.support.secure_broker import (
    SUPER,
    SUPER_PASSWORD,
    SUPER_TWO,
    MakeSettings,
    SecureBroker,
    certificate_settings,
    login_settings,
    token_of,
)
from tests.support.topics import worker
from tests.support.wait import block_until

SOON_S = 8.0
"""Longest time until the sentence, where Kafka answers."""
SCRAM = "SCRAM-SHA-256"


class Fault(NamedTuple):
    """Settings that do not fit a listener, and the sentence about it; braces are filled in."""

    listener: str
    mechanism: str
    values: dict[str, Any]
    says: str


def protocol(name: str) -> dict[str, Any]:
    """Return the setting of a protocol."""
    return {"kafka_security_protocol": name}


NO_LOGIN = {"kafka_sasl_mechanism": "", "kafka_username": "", "kafka_password": Password("")}
NO_CA = {"kafka_ca_file": ""}
REJECTED = (
    "Kafka at {at} rejected the user '{user}' or the password ({mechanism}): correct PLAYFOLD_KAFKA_USERNAME and "
    "PLAYFOLD_KAFKA_PASSWORD or PLAYFOLD_KAFKA_PASSWORD_FILE."
)
WRONG = login_settings(SCRAM, SUPER, "wrong")
STRANGER = login_settings(SCRAM, "stranger", SUPER_PASSWORD)
FAULTS = {
    "wrong password": Fault("SECURE", SCRAM, WRONG, REJECTED),
    "wrong password in PLAIN": Fault("LOGIN", "PLAIN", login_settings("PLAIN", SUPER, "wrong"), REJECTED),
    "wrong user": Fault("SECURE", SCRAM, STRANGER, REJECTED),
    "wrong mechanism": Fault(
        "ONE",
        SCRAM,
        {},
        "Kafka at {at} does not offer the mechanism SCRAM-SHA-256: set PLAYFOLD_KAFKA_SASL_MECHANISM to one that it "
        "offers (SCRAM-SHA-512).",
    ),
    "no TLS where Kafka expects it": Fault(
        "TLS",
        "",
        protocol("PLAINTEXT") | NO_CA,
        "Kafka at {at} expects TLS, but PLAYFOLD_KAFKA_SECURITY_PROTOCOL is PLAINTEXT: set it to SSL, or SASL_SSL "
        "with a login.",
    ),
    "a login without TLS where Kafka expects TLS": Fault(
        "SECURE",
        SCRAM,
        protocol("SASL_PLAINTEXT") | NO_CA,
        "Kafka at {at} expects TLS, but PLAYFOLD_KAFKA_SECURITY_PROTOCOL is SASL_PLAINTEXT: set it to SASL_SSL.",
    ),
    "TLS where Kafka has none": Fault(
        "LOGIN",
        "PLAIN",
        protocol("SASL_SSL"),
        "Kafka at {at} has no TLS, but PLAYFOLD_KAFKA_SECURITY_PROTOCOL is SASL_SSL: set it to SASL_PLAINTEXT, or "
        "name the TLS listener in PLAYFOLD_BROKERS.",
    ),
    "no login where Kafka expects one": Fault(
        "SECURE",
        SCRAM,
        protocol("SSL") | NO_LOGIN,
        "Kafka at {at} expects a login (OAUTHBEARER, PLAIN, SCRAM-SHA-256, SCRAM-SHA-512), but "
        "PLAYFOLD_KAFKA_SECURITY_PROTOCOL is SSL: set it to SASL_SSL, and PLAYFOLD_KAFKA_SASL_MECHANISM, "
        "PLAYFOLD_KAFKA_USERNAME and PLAYFOLD_KAFKA_PASSWORD_FILE.",
    ),
    "a login where Kafka has none": Fault(
        "TLS",
        "",
        protocol("SASL_SSL") | login_settings(SCRAM, SUPER, SUPER_PASSWORD),
        "Kafka at {at} has no login, but PLAYFOLD_KAFKA_SECURITY_PROTOCOL is SASL_SSL: set it to SSL.",
    ),
    "an expired certificate": Fault(
        "EXPIRED", "", {}, "The certificate of Kafka at {at} has expired: renew it on the broker."
    ),
    "a certificate of another host": Fault(
        "ELSEWHERE",
        "",
        {},
        "The certificate of Kafka at {at} does not name 127.0.0.1: use a name of the certificate in PLAYFOLD_BROKERS "
        "and in advertised.listeners, or renew the certificate with 127.0.0.1 as subjectAltName.",
    ),
    "a certificate that does not name the advertised host": Fault(
        "RENAMED",
        "",
        {},
        "Kafka at {at} advertises localhost:{port}: The certificate of Kafka at localhost:{port} does not name "
        "localhost: use a name of the certificate in PLAYFOLD_BROKERS and in advertised.listeners, or renew the "
        "certificate with localhost as subjectAltName.",
    ),
    "a CA that the system does not know": Fault(
        "TLS",
        "",
        NO_CA,
        "The certificate of Kafka at {at} is signed by no CA of the CAs of this system: set PLAYFOLD_KAFKA_CA_FILE "
        "to the CA that signed it.",
    ),
    "another CA": Fault(
        "TLS",
        "",
        {"kafka_ca_file": "{other_ca}"},
        "The certificate of Kafka at {at} is signed by no CA of PLAYFOLD_KAFKA_CA_FILE {other_ca}: set "
        "PLAYFOLD_KAFKA_CA_FILE to the CA that signed it.",
    ),
    "no client certificate": Fault(
        "MUTUAL",
        "",
        {"kafka_certificate_file": "", "kafka_key_file": ""},
        "Kafka at {at} requires a client certificate ({alert}): set PLAYFOLD_KAFKA_CERTIFICATE_FILE and "
        "PLAYFOLD_KAFKA_KEY_FILE.",
    ),
    "a client certificate of another CA": Fault(
        "MUTUAL",
        "",
        certificate_settings(Path("{stranger}"), Path("{stranger_key}")),
        "Kafka at {at} rejected PLAYFOLD_KAFKA_CERTIFICATE_FILE {stranger} ({alert}): use a certificate that has not "
        "expired, of a CA that the broker trusts.",
    ),
    "an expired client certificate": Fault(
        "MUTUAL",
        "",
        certificate_settings(Path("{old}"), Path("{old_key}")),
        "Kafka at {at} rejected PLAYFOLD_KAFKA_CERTIFICATE_FILE {old} ({alert}): use a certificate that has not "
        "expired, of a CA that the broker trusts.",
    ),
    "an expired token": Fault(
        "SECURE",
        "OAUTHBEARER",
        {"kafka_token_file": "{old_token}"},
        "The token in PLAYFOLD_KAFKA_TOKEN_FILE {old_token} expired at {time}: write a new one into the file.",
    ),
    "a token that is none": Fault(
        "SECURE",
        "OAUTHBEARER",
        {"kafka_token_file": "{no_token}"},
        "Kafka at {at} rejected the token in PLAYFOLD_KAFKA_TOKEN_FILE {no_token}: write a valid one into the file.",
    ),
}
LOOSE = {"{alert}": r"[a-z0-9 ]+", "{time}": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00"}
"""Patterns of texts that OpenSSL or the clock decide about."""


class Case(NamedTuple):
    """A fault with everything filled in."""

    settings: Settings
    says: str
    """A regular expression."""


@pytest.fixture
def settings_of(secure: SecureBroker, tmp_path: Path) -> MakeSettings:
    """Give a function that returns settings of a super user at a listener, without topics."""

    def at(listener: str, mechanism: str = "", **values: Any) -> Settings:
        made = secure.settings_of(listener, mechanism, data_dir=str(tmp_path), kafka_timeout_s=10.0)
        return override(made, **values)

    return at


@pytest.fixture(params=FAULTS, scope="session")
def fault(request: pytest.FixtureRequest) -> Fault:
    """Give each fault."""
    return FAULTS[request.param]


@pytest.fixture
def case(fault: Fault, secure: SecureBroker, settings_of: MakeSettings, tmp_path: Path) -> Case:
    """Give the settings of each fault."""
    return filled(fault, secure, settings_of, tmp_path)


def filled(fault: Fault, secure: SecureBroker, settings_of: MakeSettings, folder: Path) -> Case:
    """Return a fault with everything filled in."""
    address = secure.address(fault.listener)
    names = {
        "at": address,
        "port": address.rpartition(":")[2],
        "mechanism": fault.mechanism,
        **files_in(folder, secure),
    }
    names["user"] = str(fault.values.get("kafka_username", SUPER))
    values = {name: value.format(**names) if isinstance(value, str) else value for name, value in fault.values.items()}
    pattern = fault.says
    for loose in LOOSE:
        pattern = pattern.replace(loose, loose.upper())
    text = pattern.replace("{ALERT}", "<alert>").replace("{TIME}", "<time>").format(**names)
    return Case(settings_of(fault.listener, fault.mechanism, **values), escaped(text))


def escaped(text: str) -> str:
    """Return a regular expression of a sentence."""
    pattern = "".join(f"\\{letter}" if letter in r".()[]+*?^$|\\" else letter for letter in text)
    return pattern.replace("<alert>", LOOSE["{alert}"]).replace("<time>", LOOSE["{time}"])


def files_in(folder: Path, secure: SecureBroker) -> dict[str, str]:
    """Write the files of faults and return their paths."""
    other = Authority(folder, "other-ca")
    stranger, old = other.sign("stranger"), secure.authority.sign("old", expired=True)
    tokens = {"old_token": token_of(SUPER, -60.0), "no_token": "no-token"}
    for name, token in tokens.items():
        (folder / name).write_text(token)
    return {
        "other_ca": str(other.certificate),
        "stranger": str(stranger.certificate),
        "stranger_key": str(stranger.key),
        "old": str(old.certificate),
        "old_key": str(old.key),
        **{name: str(folder / name) for name in tokens},
    }


@contextmanager
def soon() -> Iterator[None]:
    """Fail if the block takes longer than a sentence may."""
    began = time.monotonic()
    yield
    assert SOON_S > time.monotonic() - began


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


async def test_a_password_that_changed_stops_a_watched_process(secure: SecureBroker, settings_of: MakeSettings) -> None:
    """Its clients would read nothing and raise nothing; the sentence names the settings."""
    secure.set_password("changing", "the first password")
    login = login_settings(SCRAM, "changing", "the first password")
    settings = settings_of("REAUTH", SCRAM, **login)
    watching = asyncio.create_task(ConnectionWatch(settings.kafka, watch_s=0.1).run())
    await asyncio.sleep(1)
    assert not watching.done()

    secure.set_password("changing", "the second password")

    sentence = REJECTED.format(at=settings.kafka.brokers, user="changing", mechanism=SCRAM)
    with pytest.raises(UnreachableError) as caught:
        await asyncio.wait_for(watching, 10)
    assert f"{sentence} Kafka accepted this process before. It stops: start it again with valid credentials." == str(
        caught.value
    )


@pytest.mark.timeout(240)  # two starts of a worker, and a stop whose requests Kafka refuses
async def test_a_worker_whose_password_changed_stops_with_the_sentence(
    secure: SecureBroker, settings_of: MakeSettings, tmp_path: Path
) -> None:
    """The next start reads the new password from the file."""
    file, name = tmp_path / "password", f"test-{uuid.uuid4().hex[:8]}"
    file.write_text("the first password")
    secure.set_password(SUPER_TWO, "the first password")
    login = {"kafka_username": SUPER_TWO, "kafka_password": Password(""), "kafka_password_file": str(file)}
    settings = settings_of("REAUTH", "SCRAM-SHA-512", group=name, topic_prefix=f"{name}.", **login)
    create_topics(settings)
    with worker(settings) as process:
        secure.set_password(SUPER_TWO, "the second password")
        await asyncio.to_thread(block_until, lambda: not process.running, 45)
        said, status = process.describe_end(), process.child.status
    file.write_text("the second password")

    assert 1 == status
    assert REJECTED.format(at=settings.kafka.brokers, user=SUPER_TWO, mechanism="SCRAM-SHA-512") in said
    with worker(settings) as process:
        assert process.running
    delete_topics(settings)
