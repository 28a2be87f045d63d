"""Ids and partitions of topics that have to exist, asked until a broker knows all of them."""

import asyncio
from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError

from streams.connection.rights import Right, describe_missing
from streams.readers.log_reader import LogReadError
from streams.settings.deployment import KafkaSettings
from streams.topics.identity import TopicIdentity, identify_topics

AGAIN_S = 0.1
"""Pause before the next request."""


async def read_identities(
    consumer: AIOKafkaConsumer, names: Sequence[str], kafka: KafkaSettings
) -> dict[str, TopicIdentity]:
    """Return the identity of every topic.

    Any broker may answer, and one of several may not know a new topic yet. So a missing topic is asked for again.

    Args:
        consumer: A started consumer.
        names: Names of topics.
        kafka: The cluster, and the seconds until all topics have to be known.

    Raises:
        LogReadError: A topic does not exist, a right on it is missing, or Kafka does not answer.
    """
    identities: dict[str, TopicIdentity] = {}
    fault = "it names no such topic"
    try:
        async with asyncio.timeout(kafka.timeout_s):
            while missing := [name for name in names if name not in identities]:
                try:
                    identities |= await identify_topics(consumer._client, missing)  # noqa: SLF001  no public call has ids
                    fault = "it names no such topic"
                except TopicAuthorizationFailedError as error:
                    rights = [Right("DESCRIBE", "topic", str(error.args[0]))]
                    raise LogReadError(describe_missing(kafka, rights)) from error
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
