"""What the users changelog holds at one moment: every user's record and every item's name."""

from dataclasses import dataclass, field

from state.keys import ITEM_NAME_PREFIX, is_item_name
from state.user_record import applied_offset_of
from streams.log_reader import read_topic
from streams.settings import Settings
from streams.topics import topic_names


@dataclass
class HistorySnapshot:
    """The changelog read to the high watermark it had when the read began."""

    users: dict[bytes, bytes] = field(default_factory=dict)
    """Per user, the record with the highest applied offset."""
    item_ids: dict[int, str] = field(default_factory=dict)
    """The id behind every item key."""
    read_through: dict[int, int] = field(default_factory=dict)
    """Per partition, the offset after the last record read."""

    def take(self, key: bytes, value: bytes | None) -> None:
        """Take in one changelog record."""
        if is_item_name(key):
            if value is not None:
                self.item_ids[int.from_bytes(key.removeprefix(ITEM_NAME_PREFIX), "big")] = value.decode()
        elif value is None:
            self.users.pop(key, None)
        elif key not in self.users or applied_offset_of(value) >= applied_offset_of(self.users[key]):
            self.users[key] = value


async def read_history(settings: Settings) -> HistorySnapshot:
    """Read the users changelog, without a consumer group.

    Raises:
        LogReadError: The topic is missing or Kafka does not answer.
    """
    snapshot = HistorySnapshot()
    changelog = topic_names(settings).users_changelog
    async for partition, records in read_topic(settings.brokers, changelog, settings.kafka_timeout_s):
        for record in records:
            snapshot.take(record.key, record.value)
        snapshot.read_through[partition] = records[-1].offset + 1
    return snapshot
