"""The announcement: the generation, and its revision, that all workers serve."""

import logging
from collections.abc import Callable

import msgspec

from streams.fetch.unreadable_batch import UnreadableBatch
from streams.messages.generations import Announcement, is_announcement_key
from streams.outbox import Outbox
from streams.readers.decode_record import UnreadableRecord, decode_record
from streams.readers.log_reader import log_skipped, read_topic
from streams.settings import Settings
from streams.topics.topics import topic_names

log = logging.getLogger(__name__)

SERVING_KEY = b"serving"
_DECODER = msgspec.json.Decoder(Announcement)


def log_unreadable(offset: int, reason: str) -> None:
    """Log an announcement that does not decode."""
    log.warning("announcement_unreadable", extra={"offset": offset, "reason": reason})


async def announced(
    settings: Settings,
    skip: Callable[[UnreadableBatch], None] = log_skipped,
    on_damage: Callable[[int, str], None] = log_unreadable,
) -> Announcement | None:
    """Read the latest announcement from the generations topic, None if there is none.

    A record that does not decode is left out, as workers and gateways do.

    Args:
        settings: The cluster and its time-out.
        skip: Called with a batch that does not decode.
        on_damage: Called with the offset of an announcement that does not decode, and the reason.

    Raises:
        LogReadError: The topic is missing or Kafka does not answer.
    """
    announcement, topic = None, topic_names(settings).generations
    async for _, records in read_topic(settings.kafka, topic, settings.kafka.timeout_s, skip=skip):
        for record in records:
            if is_announcement_key(record.key):
                try:
                    announcement = decode_record(_DECODER, record.value, "An announcement")
                except UnreadableRecord as error:
                    on_damage(record.offset, error.reason)
    return announcement


async def announce(settings: Settings, generation_id: str, revision: int, now_ms: int) -> None:
    """Announce a revision of a generation to all workers; announcing it twice is harmless.

    Raises:
        OutboxError: Kafka does not answer.
    """
    announcement = Announcement(generation_id=generation_id, revision=revision, announced_at_ms=now_ms)
    async with Outbox(settings.kafka, topic_names(settings).generations) as outbox:
        item = (SERVING_KEY, msgspec.json.encode(announcement))
        await (await outbox.send(topic_names(settings).generations, 0, [item])).written()
