"""A producer that goes on after a refused record, while Kafka says nothing."""

import asyncio
from typing import Any

import pytest
from aiokafka.errors import KafkaError

from examples.python import steady_producer_async as program
from examples.python.steady_producer_async import ACKNOWLEDGED_S, SILENT_RECORDS, Record, SteadyProducer
from tests.support.virtual_time import now_s

pytestmark = pytest.mark.virtual_time
N_RECORDS = 500
STOP_S = 5


class SilentProducer:
    """Takes records; Kafka acknowledges those with the value `stored`, and no others.

    A record with the value `full` waits for space in the buffer.
    """

    def __init__(self, **_: Any) -> None:
        """Connect to nothing."""

    async def start(self) -> None:
        """Connect."""

    async def stop(self) -> None:
        """Wait for the acknowledgements that are missing."""
        await asyncio.sleep(2 * STOP_S)

    async def send(self, _topic: str, value: bytes, _key: bytes | None) -> asyncio.Future[None]:
        """Take a record."""
        if value == b"full":
            await asyncio.sleep(40)
        future = asyncio.get_running_loop().create_future()
        if value == b"stored":
            future.set_result(None)
        if value == b"refused":
            future.set_exception(KafkaError())
        return future


@pytest.fixture
async def steady(monkeypatch: pytest.MonkeyPatch) -> SteadyProducer:
    """Return a producer whose Kafka is silent."""
    monkeypatch.setattr(program, "AIOKafkaProducer", SilentProducer)
    steady = SteadyProducer()
    await steady.start()
    return steady


def records_of(*values: str) -> list[Record]:
    """Return records with these values."""
    return [("plays", b"anna", value.encode()) for value in values]


@pytest.mark.parametrize("value", ["silent", "full"])
async def test_records_are_awaited_together(steady: SteadyProducer, value: str) -> None:
    """A broker that says nothing takes no longer for many records than for a few, and each is returned."""
    records = records_of(*[value] * N_RECORDS)

    failed = await steady.send(records)

    assert records == [record for record, _ in failed]
    assert {TimeoutError} == {type(error) for _, error in failed}
    assert now_s() < (1 + SILENT_RECORDS) * (ACKNOWLEDGED_S + STOP_S) + 1


async def test_a_record_that_is_acknowledged_is_not_sent_again(steady: SteadyProducer) -> None:
    """The refused one and the silent one are returned, each with its error."""
    failed = await steady.send(records_of("stored", "refused", "silent"))

    assert [(b"refused", KafkaError), (b"silent", TimeoutError)] == [
        (value, type(error)) for (_, _, value), error in failed
    ]


async def test_a_record_that_the_client_holds_up_stops_no_other(steady: SteadyProducer) -> None:
    """Its topic may be missing, while Kafka answers."""
    failed = await steady.send(records_of("full", "stored", "stored"))

    assert [b"full"] == [value for (_, _, value), _ in failed]
