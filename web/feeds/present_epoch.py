"""The epoch of the present topic of plays, in which the offsets of accepted plays are."""

from streams.messages.generations import StateTopics
from streams.positions import position_of
from streams.readers.state_topics import read_state_topics


class PresentEpoch:
    """Follows which topics the workers' state belongs to, and which topic of plays is on the cluster.

    Attributes:
        topic_id: Id of the topic of plays on the cluster; None while it is not known.
    """

    def __init__(self, group: str) -> None:
        """Begin in epoch 0 of the state of a group."""
        self._group = group
        self._state: StateTopics | None = None
        self.topic_id: str | None = None

    def on_record(self, key: bytes | None, value: bytes | None) -> None:
        """Read a record of `generations`; announcements are ignored."""
        self._state = read_state_topics(key, value, self._group) or self._state

    @property
    def number(self) -> int:
        """Return the epoch; of a topic that the workers' state does not belong to yet, the next one."""
        if self._state is None:
            return 0
        is_other = self.topic_id is not None and self.topic_id != self._state.plays_id
        return self._state.epoch + is_other

    def position(self, offset: int) -> int:
        """Return the position of an offset on the present topic."""
        return position_of(self.number, offset)
