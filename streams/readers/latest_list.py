"""A listener's latest list, read from the recommendations topic."""

import msgspec

from streams.messages.records import Recommendations
from streams.readers.latest_record import records_of
from streams.settings import Settings
from streams.topics.topics import topic_names

_decode = msgspec.json.Decoder(Recommendations).decode


class ListUnreadable(ValueError):  # noqa: N818 - it names the list, which is not an error of ours
    """A record of the recommendations topic is no list. See who else writes to the topic."""


def read_list(value: bytes) -> Recommendations:
    """Read the value of one record of `recommendations`.

    Raises:
        ListUnreadable: Whatever else the bytes are.
    """
    try:
        return _decode(value)
    except (ValueError, RecursionError) as error:
        message = f"A record of the recommendations topic is no list: {str(error).replace('`', '')[:200]}."
        raise ListUnreadable(message) from None


async def latest_list(user_id: str, settings: Settings) -> Recommendations | None:
    """Return the list that reflects most of a listener's plays; None if there is none.

    Not simply the last one written: a worker that froze and woke up late may have written a staler list after it.

    Raises:
        LogReadError: Kafka or the topic is not there.
        ListUnreadable: A record of this listener is no list.
    """
    latest: Recommendations | None = None
    async for value in records_of(topic_names(settings).recommendations, user_id, settings):
        latest = None if value is None else fresher(latest, read_list(value))
    return latest


def fresher(held: Recommendations | None, found: Recommendations) -> Recommendations:
    """Return which of two lists of a listener counts, the second of which was written later."""
    return found if held is None or found.offset >= held.offset else held
