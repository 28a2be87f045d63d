"""Ids and partitions of topics that have to exist, asked until a broker knows all of them."""

import asyncio
import math
from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError

from streams.connection.rights import Right, describe_missing
from streams.readers.log_reader import LogReadError, reader
from streams.settings import Settings
from streams.settings.deployment import KafkaSettings
from streams.topics.identity import TopicIdentity, identify_topics

AGAIN_S = 0.1
"""Pause before the next request."""


class UnknownTopicError(LogReadError):
    """No broker knows a topic.

    Attributes:
        topic: Its name.
    """

    def __init__(self, topic: str) -> None:
        """Name the topic."""
        super().__init__(f"Topic {topic} does not exist; `playfold topics verify` checks all topics.")
        self.topic = topic


async def present_id(settings: Settings, name: str) -> str:
    """Return the id of a topic, on a connection of its own.

    Raises:
        LogReadError: The topic does not exist, a right on it is missing, or Kafka does not answer.
    """
    async with reader(settings.kafka, settings.kafka.timeout_s) as consumer:
        return (await read_identities(consumer, [name], settings.kafka))[name].topic_id


async def read_identities(
    consumer: AIOKafkaConsumer, names: Sequence[str], kafka: KafkaSettings, gone_s: float = math.inf
) -> dict[str, TopicIdentity]:
    """Return the identity of every topic.

    Any broker may answer, and one of several may not know a new topic yet. So a missing topic is asked for again.

    Args:
        consumer: A started consumer.
        names: Names of topics.
        kafka: The cluster, and the seconds until all topics have to be known.
        gone_s: Seconds after the first answer without a topic until it counts as deleted. A broker that has just
            started may not know a topic for a moment.

    Raises:
        UnknownTopicError: The brokers did not name a topic for `gone_s` seconds.
        LogReadError: A topic does not exist, a right on it is missing, or Kafka does not answer.
    """
    identities: dict[str, TopicIdentity] = {}
    fault, clock, answered_at = "it names no such topic", asyncio.get_running_loop().time, math.inf
    try:
        async with asyncio.timeout(kafka.timeout_s):
            while missing := [name for name in names if name not in identities]:
                if clock() - answered_at > gone_s:
                    raise UnknownTopicError(missing[0])
                try:
                    identities |= await _identify(consumer, missing, kafka)
                    fault, answered_at = "it names no such topic", min(answered_at, clock())
                except KafkaError as error:
                    fault = repr(error)
                if not identities.keys() >= set(names):
                    await asyncio.sleep(AGAIN_S)
    except TimeoutError as error:
        message = (
            f"Kafka did not give the id of topic {missing[0]} within {kafka.timeout_s:g} s ({fault}); "
            "`playfold topics verify` checks all topics."
        )
        raise LogReadError(message) from error
    return identities


async def _identify(consumer: AIOKafkaConsumer, names: Sequence[str], kafka: KafkaSettings) -> dict[str, TopicIdentity]:
    """Return the identities of the topics that a broker names.

    Raises:
        LogReadError: A right on a topic is missing.
        KafkaError: The broker does not answer.
    """
    try:
        return await identify_topics(consumer._client, names)  # noqa: SLF001  no public call has ids
    except TopicAuthorizationFailedError as error:
        rights = [Right("DESCRIBE", "topic", str(error.args[0]))]
        raise LogReadError(describe_missing(kafka, rights)) from error
