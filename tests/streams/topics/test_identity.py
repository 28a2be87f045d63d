"""The ids of topics, from the bytes of Kafka's answer."""

import io
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError

from streams.topics.identity import (
    _DescribeTopics,
    _FirstTopic,
    _IdRequest,
    _Topics,
    identify_topics,
    topic_id_of,
    topic_ids_by_broker,
)

ID = bytes(range(16))


def response(*topics: Any) -> Any:
    """Return an answer as it comes off the wire."""
    return _Topics.decode(io.BytesIO(bytes_of(*topics)))


def bytes_of(*topics: Any) -> bytes:
    """Return an answer on the wire."""
    answer: bytes = _Topics(0, [(1, "host", 9092, None, {})], "cluster", 1, list(topics), {}).encode()
    return answer


def topic(name: str, leaders: dict[int, int], error_code: int = 0) -> Any:
    """Return a topic of an answer."""
    partitions: list[Any] = [(0, number, leader, 0, [leader], [leader], [], {}) for number, leader in leaders.items()]
    return (error_code, name, ID, False, partitions, 0, {})


class Client:
    """A client of one cluster."""

    def __init__(self, answer: Any, *silent: int) -> None:
        """Give an answer, but not from some nodes."""
        self._answer, self._silent, self.asked = answer, silent, list[int]()
        self.cluster = SimpleNamespace(brokers=lambda: [SimpleNamespace(nodeId=node) for node in (1, 2)])

    def get_random_node(self) -> int:
        """Return the second node."""
        return 2

    async def send(self, node: int, request: Any) -> Any:
        """Answer."""
        assert request.API_KEY == 3
        self.asked.append(node)
        if node in self._silent:
            raise KafkaConnectionError
        return self._answer


async def test_a_topic_has_an_id_and_leaders() -> None:
    """The id as Kafka's own tools print it; a topic that the broker does not know is left out."""
    client = Client(response(topic("plays", {0: 1, 1: 2}), topic("other", {}, error_code=3)))

    identities = await identify_topics(client, ["plays", "other"])

    assert {"plays"} == identities.keys()
    assert "AAECAwQFBgcICQoLDA0ODw" == identities["plays"].topic_id
    assert 2 == identities["plays"].partitions
    assert {0: 1, 1: 2} == identities["plays"].leaders


async def test_the_id_of_one_topic_is_read_without_its_partitions() -> None:
    """From the beginning of the same answer; None if there is no such topic."""
    known, missing = topic("plays", dict.fromkeys(range(1_000), 1)), topic("plays", {}, error_code=3)
    first, none = (_FirstTopic.decode(io.BytesIO(bytes_of(one))) for one in (known, missing))

    assert "AAECAwQFBgcICQoLDA0ODw" == await topic_id_of(Client(first), "plays")
    assert None is await topic_id_of(Client(none), "plays")
    assert _FirstTopic is _DescribeTopics(["plays"], _IdRequest).prepare({3: (0, 13)}).RESPONSE_TYPE


async def test_another_broker_is_asked_if_the_leader_does_not_answer() -> None:
    """If none does, that is an error."""
    first = _FirstTopic.decode(io.BytesIO(bytes_of(topic("plays", {0: 1}))))
    client = Client(first, 1)
    assert await topic_id_of(client, "plays", 1)
    assert [1, 2] == client.asked

    with pytest.raises(KafkaConnectionError):
        await topic_id_of(Client(None, 1, 2), "plays", 1)


async def test_every_broker_says_which_topics_it_knows() -> None:
    """No other broker answers in the place of one that is silent."""
    answer = response(topic("plays", {0: 1}), topic("other", {}, error_code=3))
    client = Client(answer)

    ids = await topic_ids_by_broker(client, ["plays", "other"])

    assert {node: {"plays": "AAECAwQFBgcICQoLDA0ODw"} for node in (1, 2)} == ids
    assert [1, 2] == client.asked
    with pytest.raises(KafkaConnectionError):
        await topic_ids_by_broker(Client(answer, 2), ["plays"])


def test_the_request_names_topics_and_creates_none() -> None:
    """In the bytes of version 12."""
    request = _DescribeTopics(["plays"]).prepare({3: (0, 13)})

    assert b"\x02" + bytes(16) + b"\x06plays\x00" + b"\x00\x00\x00" == request.encode()
