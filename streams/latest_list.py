"""A listener's latest list, read from the recommendations topic."""

import msgspec

from streams.log_reader import LogReadError, read_topic
from streams.records import Recommendations
from streams.replay import partition_of
from streams.settings import Settings
from streams.topics import topic_names


class ListUnreadable(ValueError):  # noqa: N818 - it names the list, which is not an error of ours
    """A record of the recommendations topic is no list. See who else writes to the topic."""


async def latest_list(user_id: str, settings: Settings) -> Recommendations | None:
    """Return the list that reflects most of a listener's plays; None if there is none.

    Not simply the last one written: a worker that froze and woke up late may have written a staler list after it.

    Raises:
        LogReadError: Kafka or the topic is not there.
        ListUnreadable: A record of this user is no list.
    """
    topic = topic_names(settings).recommendations
    key, latest, value = user_id.encode(), None, None
    partition = partition_of(user_id, settings.partitions)
    async for _, records in read_topic(settings.brokers, topic, settings.kafka_timeout_s, [partition]):
        pass
    return latest
