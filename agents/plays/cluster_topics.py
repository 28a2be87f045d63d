"""The topics of a worker as the cluster has them now, asked on a Kafka connection of its own."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from state.users.topic_rules import TopicChangedError
from streams.readers.log_reader import LogReadError, reader, spans_of
from streams.settings import Settings
from streams.topics.identity import TopicIdentity, identify_topics
from streams.topics.topics import topic_names

GONE_S = 3.0
"""Seconds after which a topic that no broker knows is deleted, not just unknown to a broker that starts."""
RETRY_S = 0.1


class ClusterTopics:
    """Asks for the ids, the beginnings and the ends of topics."""

    def __init__(self, settings: Settings) -> None:
        """Connect later, by `start`."""
        self._settings, self._names = settings, topic_names(settings)
        self._consumer: AIOKafkaConsumer | None = None
        self._stack = AsyncExitStack()

    async def start(self) -> None:
        """Connect.

        Raises:
            LogReadError: No broker answers.
        """
        kafka = self._settings.kafka
        self._consumer = await self._stack.enter_async_context(reader(kafka, kafka.timeout_s))

    async def stop(self) -> None:
        """Disconnect."""
        await self._stack.aclose()

    async def identify(self, names: Sequence[str]) -> dict[str, TopicIdentity]:
        """Return the identity of topics; ask until a broker knows all, or one is unknown for `GONE_S` seconds.

        Raises:
            TopicChangedError: A topic is gone.
            LogReadError: Kafka does not answer.
        """
        clock, timeout_s = asyncio.get_running_loop().time, self._settings.kafka.timeout_s
        began, identities = clock(), dict[str, TopicIdentity]()
        client = self._connected._client  # noqa: SLF001  aiokafka has no public call for a topic's id
        while True:
            try:
                async with asyncio.timeout(timeout_s):
                    identities |= await identify_topics(client, names)
            except (KafkaError, TimeoutError) as error:
                if clock() - began > timeout_s:
                    message = f"Kafka did not say which topics it has within {timeout_s:g} s: {error!r}."
                    raise LogReadError(message) from error
            else:
                missing = [name for name in names if name not in identities]
                if not missing:
                    return identities
                if clock() - began > GONE_S:
                    raise TopicChangedError(self._describe_missing(missing[0]))
            await asyncio.sleep(RETRY_S)

    async def ends(self, partitions: Mapping[str, Sequence[int]]) -> dict[tuple[str, int], int]:
        """Return by topic and partition the offsets after the last records.

        Raises:
            LogReadError: Kafka does not answer.
        """
        tps = [TopicPartition(topic, partition) for topic, numbers in partitions.items() for partition in numbers]
        try:
            ends = await self._connected.end_offsets(tps)
        except KafkaError as error:
            message = f"Kafka did not say where {', '.join(partitions)} end: {error!r}."
            raise LogReadError(message) from error
        return {(tp.topic, tp.partition): end for tp, end in ends.items()}

    async def start_of(self, topic: str, partition: int) -> int:
        """Return the offset of the first record that a partition still has.

        Raises:
            LogReadError: Kafka does not answer.
        """
        tp = TopicPartition(topic, partition)
        return (await spans_of(self._connected, [tp]))[tp].start

    @property
    def _connected(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            message = "The connection that asks for topics is not started."
            raise RuntimeError(message)
        return self._consumer

    def _describe_missing(self, name: str) -> str:
        keeps_state = name in (self._names.plays, self._names.users_changelog)
        rebase = " and `playfold state rebase`, which keeps the histories" if keeps_state else ""
        return (
            f"Topic {name} does not exist any more. Restore it with its records; "
            f"or run `playfold topics create`{rebase}."
        )
