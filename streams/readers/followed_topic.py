"""Follows a topic, whichever topic has its name: one that was deleted and made again is read from its beginning."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord

from streams.connection.clients import Consumer
from streams.fetch.fetch_by_id import TopicIds
from streams.fetch.followed_partitions import FollowedPartitions, OnRewound, ignore_rewound
from streams.fetch.unreadable_places import UnreadablePlaces
from streams.readers.log_reader import LogReadError, Span, partitions_of, spans_of
from streams.topics.identity import topic_id_of

log = logging.getLogger(__name__)

LOOK_S = 0.5
"""Seconds between two requests for the id of a topic that is in doubt."""
ASK_S = 5.0
"""Longest wait for an answer."""
GONE_S = 3.0
"""Seconds after the first answer without the topic until it counts as deleted."""
First = Callable[[TopicPartition, Span], int]
"""Returns the first offset to read of a partition."""


def from_start(_: TopicPartition, span: Span) -> int:
    """Read a partition from its beginning."""
    return span.start


OnRemade = Callable[[], Awaitable[None] | None]
"""Called before the first record of a topic that was made again."""


def ignore_remade() -> None:
    """Do nothing about a topic that was made again."""


class FollowedTopic:
    """Follows all partitions of a topic with a consumer of its own.

    Records are fetched by the id of the topic. So none of another topic with the name is taken for one of this topic,
    and the answers tell when the id is unknown: no request asks for it as long as all is well.

    Attributes:
        topic_id: The id of the topic, as Kafka's own tools print it.
        spans: The spans of its partitions when its following began.
        partitions: The followed partitions.
    """

    def __init__(
        self,
        consumer: Consumer,
        topic: str,
        first: First = from_start,
        unreadable: UnreadablePlaces | None = None,
        on_remade: OnRemade = ignore_remade,
        on_rewound: OnRewound = ignore_rewound,
    ) -> None:
        """Follow later, by `begin`.

        Args:
            consumer: A consumer of `reader`, for this topic alone.
            topic: The name of the topic.
            first: Where each partition begins. A topic that was made again is read from its beginning.
            unreadable: Collects the partitions that cannot be read, also those of a topic that is gone.
            on_remade: Called before the first record of a topic that was made again.
            on_rewound: Called with a partition that lost its end, and the place from which it is read again.
        """
        self._consumer, self._topic, self._first, self._unreadable = consumer, topic, first, unreadable
        self._on_remade, self._on_rewound = on_remade, on_rewound
        self._ids, self._earlier_ids = TopicIds(consumer._client), set[str]()  # noqa: SLF001  no public call has ids
        self._clock = asyncio.get_running_loop().time
        self._look_at = 0.0
        self._unknown_since: float | None = None
        self.topic_id, self.spans = "", dict[TopicPartition, Span]()
        self.partitions: FollowedPartitions | None = None

    async def begin(self) -> None:
        """Begin to follow.

        Raises:
            LogReadError: The topic does not exist, or Kafka does not answer.
        """
        tps = await partitions_of(self._consumer, self._topic)
        try:
            topic_id = await self._ids.identify(self._topic)
        except KafkaError as error:
            message = f"Kafka did not give the id of topic {self._topic}: {error!r}."
            raise LogReadError(message) from error
        spans = await spans_of(self._consumer, tps)
        self.topic_id, self.spans = topic_id, spans
        self._follow({tp: self._first(tp, span) for tp, span in spans.items()})

    def _follow(self, places: Mapping[TopicPartition, int]) -> None:
        self._consumer.assign(list(places))
        self.partitions = FollowedPartitions(self._consumer, places, self._unreadable, on_rewound=self._on_rewound)

    @property
    def places(self) -> dict[TopicPartition, int]:
        """Return the next offset to take in, by partition; empty before the beginning."""
        return {} if self.partitions is None else self.partitions.places

    def is_blocked(self, tp: TopicPartition) -> bool:
        """Return whether the fetch of a partition fails."""
        return self.partitions is not None and self.partitions.unreadable.is_blocked(tp)

    async def fetch(
        self, timeout_ms: int, max_records: int | None = None
    ) -> AsyncIterator[tuple[TopicPartition, Sequence[ConsumerRecord]]]:
        """Fetch once, as `FollowedPartitions` does; while there is no such topic, wait.

        Raises:
            ConsumerStoppedError: The consumer is closed.
            MissingRightError: The right to read is missing, and the partitions are reported to no `unreadable`.
        """
        if self._is_in_doubt() and self._clock() >= self._look_at:
            await self._look()
            self._look_at = self._clock() + LOOK_S
        if self._unknown_since is not None or self.partitions is None:
            await asyncio.sleep(timeout_ms / 1000)
            return
        async for fetched in self.partitions.fetch(timeout_ms, max_records):
            yield fetched

    def _is_in_doubt(self) -> bool:
        """Return whether a broker did not know the id, or described no such topic."""
        is_described = bool(self._consumer.partitions_for_topic(self._topic))
        return self._unknown_since is not None or self._topic in self._ids.unknown or not is_described

    async def _look(self) -> None:
        """Ask for the id; a broker that is behind may know an earlier topic, or none."""
        try:
            async with asyncio.timeout(ASK_S):
                topic_id = await topic_id_of(self._consumer._client, self._topic)  # noqa: SLF001  no public call has it
        except (KafkaError, TimeoutError):
            return
        if topic_id is None:
            self._leave()
        elif topic_id == self.topic_id:
            self._return()
        elif topic_id not in self._earlier_ids:
            await self._begin_anew(topic_id)

    def _leave(self) -> None:
        """Stop fetching from a topic that does not exist: aiokafka would ask for its leaders without a pause."""
        now = self._clock()
        if self._unknown_since is None:
            self._unknown_since = now
            self._consumer.assign([])
        elif now - self._unknown_since > GONE_S and self.partitions is not None:
            for tp, place in self.places.items():
                self.partitions.unreadable.block(tp, place, "the topic does not exist")

    def _return(self) -> None:
        """Go on with the same topic, which a broker did not know for a moment."""
        self._ids.unknown.discard(self._topic)
        if self._unknown_since is not None and self.partitions is not None:
            self._unknown_since = None
            for tp in self.places:
                self.partitions.unreadable.unblock(tp)
            self._follow(self.places)

    async def _begin_anew(self, topic_id: str) -> None:
        """Follow another topic with the name from its beginning."""
        log.warning("topic_remade", extra={"topic": self._topic, "topic_id": topic_id, "before": self.topic_id})
        self._unknown_since = self._clock() if self._unknown_since is None else self._unknown_since
        self._consumer.assign([])
        self._ids.forget(self._topic)
        old_id, self._first = self.topic_id, from_start
        try:
            await self.begin()
        except LogReadError as error:  # a broker that is behind does not know the new topic yet
            log.warning("topic_unread", extra={"topic": self._topic, "reason": str(error)})
            return
        self._earlier_ids.add(old_id)
        self._unknown_since = None
        if self._unreadable is not None:
            self._unreadable.forget(self._topic)
        pending = self._on_remade()
        if pending is not None:
            await pending
