"""The topics that the workers' state belongs to, as the workers have published them on `generations`."""

from collections.abc import Callable
from contextlib import suppress

import msgspec

from streams.fetch.unreadable_batch import UnreadableBatch
from streams.messages.generations import StateTopics, state_topics_key
from streams.readers.log_reader import read_topic
from streams.settings import Settings
from streams.topics.topics import topic_names


def read_state_topics(key: bytes | None, value: bytes | None, group: str) -> StateTopics | None:
    """Decode a record of `generations`; None if it is another one: an announcement, or of another group."""
    if key == state_topics_key(group):
        with suppress(ValueError, RecursionError):
            return msgspec.json.decode(value or b"", type=StateTopics)
    return None


async def latest_state_topics(
    settings: Settings, skip: Callable[[UnreadableBatch], None] | None = None
) -> StateTopics | None:
    """Return the latest record; None if no worker has written one yet.

    `skip` is called with a batch that does not decode, which is skipped. Without it the read fails at such a batch,
    because the record may be in it.

    Raises:
        LogReadError: Kafka does not answer, or the topic does not exist.
    """
    latest = None
    topic = topic_names(settings).generations
    async for _, records in read_topic(settings.kafka, topic, settings.kafka.timeout_s, skip=skip):
        for record in records:
            latest = read_state_topics(record.key, record.value, settings.application.group) or latest
    return latest
