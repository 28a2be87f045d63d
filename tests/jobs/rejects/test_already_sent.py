"""Requests to be forgotten behind rejected records."""

from collections.abc import Callable
from typing import Self

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord

from jobs.rejects.already_sent import SKEW_MS, Later, Places, read_later
from jobs.rejects.read import StoredReject
from streams.messages.records import RejectedPlay
from streams.readers.log_reader import LogReadError
from streams.settings import Settings

AT_MS = 1_700_000_000_000
HOME, OTHER = 2, 0


def forget(partition: int, offset: int, at_ms: int) -> ConsumerRecord:
    """Return a request of ann to be forgotten."""
    value = b'{"type": "forget", "user_id": "ann"}'
    return ConsumerRecord("plays", partition, offset, at_ms, 0, b"ann", value, None, 3, len(value), ())


def rejected_at(offset: int, at_ms: int) -> StoredReject:
    """Return a reject of ann on her partition."""
    reject = RejectedPlay(topic="plays", partition=HOME, offset=offset, reason="wrong", key=b"ann", value=b"{}")
    return StoredReject(0, 0, at_ms, reject)


def later_of(*requests: ConsumerRecord) -> Later:
    """Return the requests, taken in this order."""
    later = Later(set(), {})
    for request in requests:
        later.take(request.partition, request, 4096)
    return later


@pytest.mark.parametrize("order", [tuple, lambda both: tuple(reversed(both))], ids=["copy last", "copy first"])
def test_a_copy_on_another_partition_does_not_hide_a_request(
    order: Callable[[list[ConsumerRecord]], tuple[ConsumerRecord, ...]],
) -> None:
    """Partitions are read in any order, and the copy may have the earlier time."""
    requests = order([forget(HOME, 9, AT_MS - 2 * SKEW_MS), forget(OTHER, 1, AT_MS - 3 * SKEW_MS)])

    assert later_of(*requests).forgets_after(b"ann", rejected_at(5, AT_MS))
    assert not later_of(*requests).forgets_after(b"ann", rejected_at(12, AT_MS))
    assert not later_of(*requests).forgets_after(b"ben", rejected_at(5, AT_MS))


def test_a_request_on_another_partition_counts_by_its_time() -> None:
    """Offsets of two partitions do not compare; the clocks of two brokers may differ."""
    later = later_of(forget(OTHER, 0, AT_MS))

    assert later.forgets_after(b"ann", rejected_at(5, AT_MS + SKEW_MS))
    assert not later.forgets_after(b"ann", rejected_at(5, AT_MS + SKEW_MS + 1))


def test_the_latest_time_of_several_requests_counts() -> None:
    """The time of a record is its producer's, so a later record may have an earlier time."""
    later = later_of(forget(OTHER, 0, AT_MS), forget(OTHER, 1, AT_MS - 5 * SKEW_MS))

    assert later.forgets_after(b"ann", rejected_at(5, AT_MS))


async def test_a_kafka_that_does_not_know_offsets_of_a_time_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the error of every other read, so that the command prints it."""

    class Silent:
        async def __aenter__(self) -> Self:
            return self

        async def __aexit__(self, *_: object) -> None:
            """Close nothing."""

        async def offsets_for_times(self, _: object) -> object:
            raise KafkaError

    async def partitions(*_: object) -> list[TopicPartition]:
        return [TopicPartition("plays", 0)]

    async def spans(*_: object) -> dict[TopicPartition, object]:
        return {}

    monkeypatch.setattr("jobs.rejects.already_sent.reader", lambda *_: Silent())
    monkeypatch.setattr("jobs.rejects.already_sent.partitions_of", partitions)
    monkeypatch.setattr("jobs.rejects.already_sent.spans_of", spans)
    places = Places("plays")
    places.add(rejected_at(5, AT_MS))

    with pytest.raises(LogReadError) as caught:
        await read_later(places, Settings(), lambda _: None)

    expected = "Kafka did not say where plays was at 2023-11-14T22:12:20Z: KafkaError(). Run the retry again."
    assert expected == str(caught.value)
