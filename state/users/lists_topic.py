"""The topic that a partition's lists are on, by Kafka's id, and since when they are published to it again."""

import msgspec


class ListsTopic(msgspec.Struct, frozen=True):
    """The record under `LISTS_KEY`, JSON, in a partition's changelog and on its disk."""

    topic_id: str = ""
    """Id of the topic; empty if it was never recorded."""
    since_ms: int = 0
    """Of the listeners' lists, those made at this time or later are on the topic; 0: all of them are.

    In milliseconds since 1970, later than every list that was made before."""

    def has_all(self, topic_id: str) -> bool:
        """Return whether every list is on the topic with this id."""
        return self.topic_id == topic_id and not self.since_ms

    def encode(self) -> bytes:
        """Return the record's bytes."""
        return msgspec.json.encode(self)


def read_lists_topic(value: bytes | None) -> ListsTopic:
    """Decode a record under `LISTS_KEY`; a state without one has its lists on an unknown topic."""
    return msgspec.json.decode(value, type=ListsTopic) if value else ListsTopic()
