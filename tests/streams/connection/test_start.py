"""A client that does not start says why."""

import asyncio

import pytest
from aiokafka.errors import KafkaConnectionError, KafkaError, KafkaProtocolError

from streams.connection import start
from streams.connection.credentials import CredentialsError
from streams.connection.start import FAULTS_MAX, ConnectionWatch, UnreachableError, start_client
from streams.settings import Password, Settings
from streams.settings.deployment import KafkaSettings
from tests.support.settings import settings_with
from tests.support.virtual_time import now_s

WAY_OUT = "start Kafka, or correct PLAYFOLD_BROKERS."


class Client:
    """A client that does not start."""

    def __init__(self, error: KafkaError | None) -> None:
        """Fail with an error, or hang without one."""
        self.error = error
        self.stopped = False

    async def start(self) -> None:
        """Do not start."""
        if self.error is None:
            await asyncio.Event().wait()
        else:
            raise self.error

    async def stop(self) -> None:
        """Note it."""
        self.stopped = True


@pytest.fixture(autouse=True)
def no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a probe of TLS and login find nothing."""

    async def find_fault(_: KafkaSettings) -> None:
        """Find nothing."""

    monkeypatch.setattr(start, "find_fault", find_fault)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (None, f" within 0.01 s: {WAY_OUT}"),
        (KafkaConnectionError("refused"), f": {WAY_OUT}"),
        (KafkaProtocolError("odd"), ": KafkaProtocolError('odd')."),
    ],
)
async def test_brokers_that_do_not_answer_are_a_sentence(error: KafkaError | None, expected: str) -> None:
    """It names a time only if that time passed."""
    kafka, client = Settings().kafka, Client(error)

    with pytest.raises(UnreachableError) as caught:
        await start_client(client, kafka, 0.01)

    assert f"No Kafka broker answered at {kafka.brokers}{expected}" == str(caught.value)
    assert client.stopped


LOGIN = {"kafka_sasl_mechanism": "PLAIN", "kafka_username": "ann", "kafka_password": Password("secret")}
UNREADABLE = CredentialsError("PLAYFOLD_KAFKA_TOKEN_FILE token has an empty first line.")


def watch_of(monkeypatch: pytest.MonkeyPatch, *faults: str | Exception | None) -> ConnectionWatch:
    """Return a watch whose probes have faults in turn, and none after them."""
    left = list(faults)

    async def find_fault(*_: object, **__: object) -> str | None:
        fault = left.pop(0) if left else None
        if isinstance(fault, Exception):
            raise fault
        return fault

    monkeypatch.setattr(start, "find_fault", find_fault)
    return ConnectionWatch(settings_with(kafka_security_protocol="SASL_PLAINTEXT", **LOGIN).kafka, watch_s=9.0)


@pytest.mark.virtual_time
async def test_lasting_faults_end_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The third in a row, soon after the first; the sentence is that of the last."""
    watch = watch_of(monkeypatch, None, "Wrong.", UNREADABLE, "Wrong still.")

    with pytest.raises(UnreachableError) as caught:
        await watch.run()

    assert ("Wrong still. Kafka accepted this process before. It stops: start it again with valid credentials.") == str(
        caught.value
    )
    assert 9.0 + 9.0 + 2 * 9.0 / FAULTS_MAX == pytest.approx(now_s())


@pytest.mark.virtual_time
async def test_faults_that_pass_do_not_end_a_process(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A broker that starts, or a token that is being written, is one for a moment."""
    watch = watch_of(monkeypatch, "Wrong.", UNREADABLE, None, "Wrong.", "Wrong.", None)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(watch.run(), 200)

    assert ["connection_refused"] * 4 == caplog.messages
