"""The announcement: the generation, and its revision, that all workers serve."""

import msgspec

from streams.messages.generations import Announcement, is_announcement_key
from streams.outbox import Outbox
from streams.readers.log_reader import read_topic
from streams.settings import Settings
from streams.topics.topics import topic_names

SERVING_KEY = b"serving"


async def announced(settings: Settings) -> Announcement | None:
    """Read the latest announcement from the generations topic, None if there is none.

    Raises:
        LogReadError: The topic is missing or Kafka does not answer.
    """
    announcement = None
    async for _, records in read_topic(settings.kafka, topic_names(settings).generations, settings.kafka.timeout_s):
        values = [record.value for record in records if is_announcement_key(record.key)]
        announcement = msgspec.json.decode(values[-1], type=Announcement) if values else announcement
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
