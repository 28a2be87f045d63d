"""A user request whose sender dies: a listener's own partition has it only after all other partitions have a copy."""

import asyncio

import pytest

from jobs.user_requests.send import RequestTimeoutError, send_and_wait
from streams.messages.events import Forget, read_event
from streams.partitioning import partition_of
from streams.settings import Settings, override
from streams.topics.topics import TopicNames
from tests.kafka.deaths import Deaths, DiedError
from tests.kafka.made_state import log_of

PARTITIONS = 4
HOME = partition_of("ann", PARTITIONS)


def requests_on(settings: Settings, names: TopicNames) -> dict[int, list[bool]]:
    """Return by partition of plays which of its requests are copies."""
    requests: dict[int, list[bool]] = {}
    for record in asyncio.run(log_of(settings, names.plays)):
        event = read_event(record.key, record.value, settings.topics.play_bytes_max)
        assert isinstance(event, Forget)
        requests.setdefault(record.partition, []).append(event.copy)
    return requests


@pytest.mark.parametrize("number", range(1, PARTITIONS + 1))
def test_a_request_whose_sender_dies_has_no_receipt_and_is_sent_again(
    settings: Settings, names: TopicNames, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Its effect shows at the listener's own partition, so that is the last one to get it."""
    quick, deaths = override(settings, kafka_timeout_s=2), Deaths(monkeypatch)
    deaths.at(number)

    with pytest.raises(DiedError):
        asyncio.run(send_and_wait(Forget(user_id="ann"), quick))

    assert HOME not in requests_on(quick, names)
    deaths.at(0)
    with pytest.raises(RequestTimeoutError, match="is queued"):  # no worker runs
        asyncio.run(send_and_wait(Forget(user_id="ann"), quick))
    sent = requests_on(quick, names)
    assert [False] == sent[HOME]
    assert PARTITIONS == len(sent)
    assert PARTITIONS == deaths.n
