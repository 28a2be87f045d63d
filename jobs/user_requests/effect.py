"""The effect of a user request, as the records show it that a worker writes once it has processed the request."""

from collections.abc import AsyncIterator

from aiokafka.structs import ConsumerRecord

from state.keys import item_key
from state.users.record import UserRecord
from state.users.record_bytes import applied_offset_of, is_forgotten
from streams.messages.events import Forget, Hide, Pause, Resume, Unhide
from streams.topics.topics import TopicNames

UserRequest = Forget | Pause | Resume | Hide | Unhide


class Result:
    """The records that a processed request leads to.

    Attributes:
        request: The request.
        offsets: By topic, the offset of the record that shows the effect.
    """

    def __init__(self, request: UserRequest, position: int, names: TopicNames) -> None:
        """Expect the effect of a request at a position of `plays`."""
        self.request, self._position, self._changelog = request, position, names.users_changelog
        self._topics = topics_of_result(request, names)
        self._without_effect: int | None = None
        self.offsets: dict[str, int] = {}

    async def wait(self, records: AsyncIterator[tuple[str, ConsumerRecord]]) -> None:
        """Wait until every record of the result has come."""
        async for topic, record in records:
            self._take(topic, record)
            if len(self.offsets) == len(self._topics):
                return

    def _take(self, topic: str, record: ConsumerRecord) -> None:
        """Store the offset of a record that shows the effect."""
        if topic != self._changelog:
            if record.value is None:
                self.offsets[topic] = record.offset
        elif record.value is not None and applied_offset_of(record.value) >= self._position:
            if shows_effect(self.request, record.value, self._position):
                self.offsets[topic] = record.offset
            else:
                self._without_effect = record.offset

    def describe_missing(self) -> str | None:
        """Return the missing part of the result of a processed request, as a clause; None if no worker processed it."""
        if self._changelog in self.offsets:
            return "no tombstone of their list came"
        if self._without_effect is not None:
            return f"the record that a worker wrote (users changelog, offset {self._without_effect}) did not show it"
        return None


def shows_effect(request: UserRequest, value: bytes, position: int) -> bool:
    """Return whether a record that contains a request shows its effect.

    After a request to be forgotten and plays behind it, the record has these plays, and is no marker.
    """
    record = UserRecord.decode(value)
    if isinstance(request, Pause | Resume):
        return record.paused == isinstance(request, Pause)
    if isinstance(request, Hide | Unhide):
        return (item_key(request.item_id) in record.hidden) == isinstance(request, Hide)
    return record.applied_offset > position or is_forgotten(value)


def topics_of_result(request: UserRequest, names: TopicNames) -> list[str]:
    """Return the topics that get a record for certain once a request is processed."""
    tombstone = [names.recommendations] if isinstance(request, Forget) else []
    return [names.users_changelog, *tombstone]
