"""A client that does not start says why."""

import asyncio

import pytest
from aiokafka.errors import KafkaConnectionError, KafkaError, KafkaProtocolError

from streams.connection import start
from streams.connection.start import UnreachableError, start_client
from streams.settings import Settings
from streams.settings.deployment import KafkaSettings

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
