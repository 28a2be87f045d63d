"""The epoch of a partition's state: the `plays` topic that its latest events came from, by Kafka's id."""

import msgspec

UNFINISHED = "unfinished copy"
"""In place of a topic's id: the state is being copied to this changelog. Kafka's ids have no space."""


class PlaysEpoch(msgspec.Struct, frozen=True):
    """The record under `EPOCH_KEY`, JSON, in a partition's changelog and on its disk."""

    epoch: int = 0
    """Number of the epoch; positions of its plays are above all earlier ones (`streams/positions.py`)."""
    topic_id: str = ""
    """Id of the topic; empty if it was never recorded."""
    start: int = -1
    """Offset from which workers went on in this epoch; -1: a version that did not record it began the epoch."""

    @property
    def is_unfinished(self) -> bool:
        """Return whether the state is being copied to this changelog."""
        return self.topic_id == UNFINISHED

    @property
    def without_start(self) -> "PlaysEpoch":
        """Return the epoch and the topic alone."""
        return PlaysEpoch(self.epoch, self.topic_id)

    def encode(self) -> bytes:
        """Return the record's bytes."""
        return msgspec.json.encode(self)


def read_epoch(value: bytes | None) -> PlaysEpoch:
    """Decode a record under `EPOCH_KEY`; a state without one is in epoch 0, of an unknown topic."""
    return msgspec.json.decode(value, type=PlaysEpoch) if value else PlaysEpoch()
