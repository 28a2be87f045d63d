"""A producer that goes on after a refused record, while Kafka says nothing."""

from types import SimpleNamespace
from typing import Any

import pytest
from kafka.errors import KafkaError, KafkaTimeoutError

from examples.python import steady_producer as program
from examples.python.steady_producer import ACKNOWLEDGED_S, SILENT_RECORDS, Record, SteadyProducer

N_RECORDS = 500


class SilentKafka:
    """Takes records; Kafka acknowledges those with the value `stored`, and no others.

    A record with the value `full` waits for space in the buffer. The clock moves by the waits alone.
    """

    def __init__(self) -> None:
        """Set the clock to 0."""
        self.now_s = 0.0

    def monotonic(self) -> float:
        """Return the seconds on the clock."""
        return self.now_s

    def producer(self, *, max_block_ms: int, **_: Any) -> Any:
        """Return a producer."""

        def send(_topic: str, *, key: bytes | None, value: bytes) -> Any:
            del key
            if value == b"full":
                self.now_s += max_block_ms / 1000
                raise KafkaTimeoutError
            return SimpleNamespace(get=lambda timeout: self._get(value, timeout))

        return SimpleNamespace(send=send, close=lambda timeout: None)  # noqa: ARG005  named as in the client

    def _get(self, value: bytes, timeout: float) -> None:
        """Await the acknowledgement of a record."""
        if value == b"refused":
            raise KafkaError
        if value != b"stored":
            self.now_s += timeout
            raise KafkaTimeoutError


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> SilentKafka:
    """Return a Kafka that is silent."""
    kafka = SilentKafka()
    monkeypatch.setattr(program, "time", kafka)
    monkeypatch.setattr(program, "KafkaProducer", kafka.producer)
    return kafka


def records_of(*values: str) -> list[Record]:
    """Return records with these values."""
    return [("plays", b"anna", value.encode()) for value in values]


@pytest.mark.parametrize("value", ["silent", "full"])
def test_records_are_awaited_together(kafka: SilentKafka, value: str) -> None:
    """A broker that says nothing takes no longer for many records than for a few, and each is returned."""
    records = records_of(*[value] * N_RECORDS)

    failed = SteadyProducer().send(records)

    assert records == [record for record, _ in failed]
    assert {KafkaTimeoutError} == {type(error) for _, error in failed}
    assert kafka.now_s <= (1 + SILENT_RECORDS) * ACKNOWLEDGED_S


def test_a_record_that_is_acknowledged_is_not_sent_again(kafka: SilentKafka) -> None:
    """The refused one and the silent one are returned, each with its error."""
    failed = SteadyProducer().send(records_of("stored", "refused", "silent"))

    assert [(b"refused", KafkaError), (b"silent", KafkaTimeoutError)] == [
        (value, type(error)) for (_, _, value), error in failed
    ]
    assert kafka.now_s <= 2 * ACKNOWLEDGED_S


@pytest.mark.usefixtures("kafka")
def test_a_record_that_the_client_holds_up_stops_no_other() -> None:
    """Its topic may be missing, while Kafka answers."""
    failed = SteadyProducer().send(records_of("full", "stored", "stored"))

    assert [b"full"] == [value for (_, _, value), _ in failed]
