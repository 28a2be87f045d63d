"""The topics of a worker as the cluster has them now, asked on a Kafka connection of its own."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from state.users.topic_rules import TopicChangedError
from streams.readers.log_reader import LogReadError, reader
from streams.readers.topic_identities import UnknownTopicError, read_identities
from streams.settings import Settings
from streams.topics.identity import TopicIdentity, topic_ids_by_broker
from streams.topics.topics import topic_names

log = logging.getLogger(__name__)

GONE_S = 3.0
"""Seconds after which a topic that no broker knows is deleted, not just unknown to a broker that starts."""


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
        try:
            return await read_identities(self._connected, names, self._settings.kafka, GONE_S)
        except UnknownTopicError as error:
            raise TopicChangedError(self._describe_missing(error.topic)) from error

    async def agreed(self, ids: Mapping[str, str]) -> dict[str, str]:
        """Return the topics, of those with these ids, to which every broker gives that id.

        A broker that is behind appends records to a deleted topic, and acknowledges them. None is returned while a
        broker does not answer.
        """
        try:
            by_broker = await topic_ids_by_broker(self._connected._client, ids)  # noqa: SLF001  no public call has ids
        except KafkaError as error:
            log.warning("topic_ids_unconfirmed", extra={"topics": sorted(ids), "reason": repr(error)})
            return {}
        return {
            name: topic_id
            for name, topic_id in ids.items()
            if all(known.get(name) == topic_id for known in by_broker.values())
        }

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
        try:
            starts = await self._connected.beginning_offsets([tp])
        except KafkaError as error:
            message = f"Kafka did not say where {topic} begins: {error!r}."
            raise LogReadError(message) from error
        return int(starts[tp])

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
