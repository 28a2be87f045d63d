"""The latest records that workers rejected."""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord

from streams.connection.credentials import CredentialsError
from streams.fetch.followed_partitions import FollowedPartitions
from streams.fetch.unreadable_places import UnreadablePlaces
from streams.messages.records import RejectedPlay
from streams.readers.decode_record import UnreadableRecord, decode_record
from streams.readers.log_reader import partitions_of, reader, spans_of
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
        n_seen: Records that arrived since the start.
        latest: The latest rejects, those from before the start included.
    """

    def __init__(self, settings: Settings, unreadable: UnreadablePlaces | None = None) -> None:
        """Begin with none; the places that cannot be read are reported to `unreadable`."""
        self._settings, self._unreadable = settings, unreadable
        self.n_seen = 0
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
            tps = await partitions_of(consumer, topic_names(self._settings).plays_rejected)
            spans = await spans_of(consumer, tps)
            consumer.assign(tps)
            places = {tp: max(span.start, span.end - SHOWN) for tp, span in spans.items()}
            followed = FollowedPartitions(consumer, places, self._unreadable)
            while True:
                async for tp, records in followed.fetch(500, 1000):
                    self._take(records, spans[tp].end)

    def _take(self, records: Sequence[ConsumerRecord], before: int) -> None:
        self.n_seen += sum(record.offset >= before for record in records)
        for record in records[-SHOWN:]:
            try:
                rejected = decode_record(_DECODER, record.value, "A reject")
            except UnreadableRecord:
                continue
            self.latest.append(Reject(record.timestamp, rejected.partition, rejected.offset, rejected.reason))
