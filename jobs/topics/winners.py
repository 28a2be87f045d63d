"""Of the records of the changelog, and of the lists, those that count: the highest position of a listener."""

from collections.abc import Iterable

import msgspec
from aiokafka.structs import ConsumerRecord

from state.keys import TOPIC_KEYS, is_item_name
from state.users.record_bytes import applied_offset_of
from streams.outbox import Item
from streams.positions import epoch_of, offset_of, position_of


class _Reflects(msgspec.Struct):
    """The fields of a list by which two lists are ordered."""

    offset: int
    epoch: int = 0


_decode_reflects = msgspec.json.Decoder(_Reflects).decode


class ChangelogRecords:
    """The records of a partition of the changelog, as recovery keeps them; those that name topics are left out."""

    def __init__(self, late: dict[bytes, int], epoch: int, committed: int) -> None:
        """Begin without a record.

        Args:
            late: Gets the applied offset of users that contain uncommitted plays.
            epoch: The present epoch.
            committed: The offset from which workers would go on.
        """
        self._names: dict[bytes, bytes | None] = {}
        self._users: dict[bytes, bytes] = {}
        self._late, self._epoch, self._from = late, epoch, position_of(epoch, committed)

    def take(self, record: ConsumerRecord) -> None:
        """Read the next record."""
        key, value = record.key, record.value
        if is_item_name(key):
            self._names[key] = value
        elif key in TOPIC_KEYS:
            return
        elif value is None:
            self._users.pop(key, None)
        elif (held := self._users.get(key)) is None or applied_offset_of(value) >= applied_offset_of(held):
            self._users[key] = value

    def items(self) -> Iterable[Item]:
        """Yield names, then users by ascending applied offset."""
        yield from ((key, value) for key, value in self._names.items() if value is not None)
        for applied, key in sorted((applied_offset_of(value), key) for key, value in self._users.items()):
            if applied >= self._from and epoch_of(applied) == self._epoch:
                self._late[key] = offset_of(applied)
            yield key, self._users[key]


class ListRecords:
    """The lists of a partition, of each listener the one that reflects most plays."""

    def __init__(self, _partition: int = 0) -> None:
        """Begin without a list."""
        self._lists: dict[bytes, tuple[int, bytes]] = {}

    def take(self, record: ConsumerRecord) -> None:
        """Read the next record; one that does not decode is left out, as every reader does."""
        if record.value is None:
            self._lists.pop(record.key, None)
            return
        try:
            reflects = _decode_reflects(record.value)
        except (ValueError, RecursionError):
            return
        position, held = position_of(reflects.epoch, reflects.offset), self._lists.get(record.key)
        if held is None or position >= held[0]:
            self._lists[record.key] = position, record.value

    def items(self) -> Iterable[Item]:
        """Return the lists."""
        return ((key, value) for key, (_, value) in self._lists.items())
