"""Reads the topic of rejected records."""

from collections.abc import AsyncIterator
from typing import NamedTuple

import msgspec

from streams.messages.records import RejectedPlay
from streams.readers.decode_record import UnreadableRecord, decode_record
from streams.readers.log_reader import log_skipped, read_topic
from streams.settings import Settings
from streams.topics.topics import topic_names

_DECODER = msgspec.json.Decoder(RejectedPlay)


class StoredReject(NamedTuple):
    """A rejected record, and where it stands among the rejects."""

    partition: int
    offset: int
    at_ms: int
    """The time of its rejection, in milliseconds since 1970."""
    reject: RejectedPlay


async def read_rejects(settings: Settings) -> AsyncIterator[StoredReject]:
    """Yield every rejected record that Kafka still has, in the order of each partition.

    A record that a foreign program wrote to the topic is ignored. A batch that does not decode is skipped and logged.

    Raises:
        LogReadError: Kafka does not answer, or the topic does not exist.
    """
    topic, kafka = topic_names(settings).plays_rejected, settings.kafka
    async for partition, records in read_topic(kafka, topic, kafka.timeout_s, skip=log_skipped):
        for record in records:
            try:
                reject = decode_record(_DECODER, record.value, "A reject")
            except UnreadableRecord:
                continue
            yield StoredReject(partition, record.offset, record.timestamp, reject)
