"""The latest records that workers rejected."""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord, TopicPartition

from streams.connection.credentials import CredentialsError
from streams.fetch.unreadable_places import UnreadablePlaces
from streams.messages.records import RejectedPlay
from streams.readers.decode_record import UnreadableRecord, decode_record
from streams.readers.followed_topic import FollowedTopic
from streams.readers.log_reader import Span, reader
from streams.settings import Settings
from streams.topics.topics import topic_names

log = logging.getLogger(__name__)

SHOWN = 20
RETRY_S = 5.0
_DECODER = msgspec.json.Decoder(RejectedPlay)


class Reject(NamedTuple):
    """A rejected record: its place and the reason, without its content."""

    at_ms: int
    partition: int
    offset: int
    reason: str


class Rejects:
    """Follows `plays-rejected`.

    Attributes:
        n_seen: Records that arrived since the start, also on a topic that was deleted and made again.
        latest: The latest rejects, those from before the start included.
    """

    def __init__(self, settings: Settings, unreadable: UnreadablePlaces | None = None) -> None:
        """Begin with none; the places that cannot be read are reported to `unreadable`."""
        self._settings, self._unreadable = settings, unreadable
        self.n_seen = 0
        self._topic_id, self._uncounted = "", dict[int, int]()
        """The topic that was followed last, and by partition the first offset of it that is not counted."""
        self.latest: deque[Reject] = deque(maxlen=SHOWN)

    async def run(self) -> None:
        """Follow the topic for ever; retry while Kafka does not answer."""
        while True:
            try:
                await self._follow()
            except (KafkaError, ConnectionError, CredentialsError) as error:
                log.warning("rejects_unread", extra={"reason": repr(error)})
            await asyncio.sleep(RETRY_S)

    async def _follow(self) -> None:
        async with reader(self._settings.kafka, self._settings.kafka.timeout_s) as consumer:
            topic = topic_names(self._settings).plays_rejected

            def recount(tp: TopicPartition, place: int) -> None:
                end = consumer.highwater(tp) or place  # the records up to it may be those that were counted
                self._uncounted[tp.partition] = min(self._uncounted.get(tp.partition, 0), end)

            def first(tp: TopicPartition, span: Span) -> int:
                return self._first(followed.topic_id, tp, span)

            followed = FollowedTopic(consumer, topic, first, self._unreadable, self._uncounted.clear, recount)
            await followed.begin()
            while True:
                self._topic_id = followed.topic_id
                async for tp, records in followed.fetch(500, 1000):
                    self._take(tp.partition, records)

    def _first(self, topic_id: str, tp: TopicPartition, span: Span) -> int:
        """Return the first offset to read: that of the latest records, and of those that are not counted.

        Counting begins at the present end; after a break, behind the last counted record; on another topic, at its
        beginning.
        """
        if not self._topic_id:
            self._uncounted[tp.partition] = span.end
        elif topic_id != self._topic_id:
            self._uncounted[tp.partition] = span.start
        return max(span.start, min(span.end - SHOWN, self._uncounted.get(tp.partition, span.end)))

    def _take(self, partition: int, records: Sequence[ConsumerRecord]) -> None:
        first = self._uncounted.get(partition, 0)
        self.n_seen += sum(record.offset >= first for record in records)
        self._uncounted[partition] = max(first, records[-1].offset + 1)
        for record in records[-SHOWN:]:
            try:
                rejected = decode_record(_DECODER, record.value, "A reject")
            except UnreadableRecord:
                continue
            self.latest.append(Reject(record.timestamp, rejected.partition, rejected.offset, rejected.reason))
