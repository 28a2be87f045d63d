"""Fetches by topic id, from the bytes of Kafka's answers."""

import asyncio
import io
from typing import Any

import pytest
from aiokafka.errors import UnknownError, UnknownTopicOrPartitionError
from aiokafka.protocol.fetch import FetchRequest

from streams.fetch.fetch_by_id import TopicIds, _FetchById, _Request, _Response
from streams.topics.identity import _IdRequest, bytes_of_id, format_id

ID = bytes(range(16))
BY_NAME = FetchRequest(500, 1, 1_000, 1, [("plays", [(0, 42, 100), (3, 7, 100)])], "rack")
NO_TAGS: dict[int, bytes] = {}


def answer(*partitions: Any) -> bytes:
    """Return an answer on the wire."""
    encoded: bytes = _Response(0, 0, 0, [(ID, list(partitions), NO_TAGS)], NO_TAGS).encode()
    return encoded


class Client:
    """A client of one broker that knows one topic at a time."""

    def __init__(self, *answers: bytes) -> None:
        """Give answers to fetches, one after another."""
        self.topic_id: bytes | None = ID
        self.answers, self.fetches, self.n_identified = list(answers), list[Any](), 0

    async def send(self, _node: int, request: Any, *, group: int = 0) -> Any:
        """Answer."""
        assert group == 0
        if isinstance(request, _FetchById):
            sent = request.build(_Request)
            self.fetches.append(_Request.SCHEMA.decode(io.BytesIO(sent.encode())))
            return _Response.decode(io.BytesIO(self.answers.pop(0)))
        self.n_identified += 1
        assert isinstance(request.prepare({3: (0, 12)}), _IdRequest)
        error = 0 if self.topic_id else UnknownTopicOrPartitionError.errno
        return _IdRequest.RESPONSE_TYPE(0, [], "cluster", 1, 2, error, "plays", self.topic_id or bytes(16))


async def test_a_fetch_names_its_topics_by_the_id_of_the_first_fetch() -> None:
    """Positions and sizes are those of aiokafka; the id is asked for once, and stays though the topic is another."""
    client = Client(answer(), answer())
    ids = TopicIds(client)
    assert "" == ids["plays"]

    await client.send(1, BY_NAME)
    client.topic_id = bytes(16)
    await client.send(1, BY_NAME)

    partitions = [(0, -1, 42, -1, -1, 100, NO_TAGS), (3, -1, 7, -1, -1, 100, NO_TAGS)]
    expected: Any = (-1, 500, 1, 1_000, 1, 0, -1, [(ID, partitions, NO_TAGS)], [], "rack", NO_TAGS)
    assert [expected] * 2 == client.fetches
    assert 1 == client.n_identified
    assert ID == bytes_of_id(ids["plays"])


async def test_an_answer_is_one_by_name() -> None:
    """In the order of version 11, with aborted transactions and without tagged fields, which newer brokers send."""
    full, empty = (
        (3, 0, 90, 80, 5, [(4, 60, NO_TAGS)], -1, b"records", NO_TAGS),
        (0, 0, 9, 8, 0, None, -1, None, NO_TAGS),
    )
    encoded = answer(full, empty)
    of_partition, behind = encoded[:-3], encoded[-2:]
    encoded = of_partition + b"\x01\x01\x06leader" + behind  # one field with number 1 and 6 bytes
    client = Client(encoded)
    TopicIds(client)

    response = await client.send(1, BY_NAME)

    assert [("plays", [(3, 0, 90, 80, 5, [(4, 60)], -1, b"records"), (0, 0, 9, 8, 0, [], -1, b"")])] == response.topics
    assert 11 == response.API_VERSION


@pytest.mark.virtual_time
@pytest.mark.parametrize("error", [100, 103], ids=["unknown", "inconsistent"])
async def test_another_topic_is_an_unknown_one(error: int) -> None:
    """Aiokafka asks again, and not at once."""
    client = Client(answer((0, error, -1, -1, -1, None, -1, None, NO_TAGS)))
    TopicIds(client)
    began = asyncio.get_running_loop().time()

    response = await client.send(1, BY_NAME)

    assert UnknownTopicOrPartitionError.errno == response.topics[0][1][0][1]
    assert 0.1 <= asyncio.get_running_loop().time() - began


async def test_an_error_of_the_whole_request_is_raised() -> None:
    """Aiokafka pauses after it; an answer without partitions would make it fetch again at once."""
    client = Client(_Response(0, -1, 0, [], NO_TAGS).encode())
    TopicIds(client)

    with pytest.raises(UnknownError):
        await client.send(1, BY_NAME)


async def test_a_topic_that_a_broker_does_not_know_is_asked_for_again() -> None:
    """A broker that starts knows no topic for a moment."""
    client = Client(answer())
    client.topic_id = None
    ids = TopicIds(client)

    with pytest.raises(UnknownTopicOrPartitionError):
        await client.send(1, BY_NAME)
    client.topic_id = ID
    await client.send(1, BY_NAME)

    assert format_id(ID) == ids["plays"]
