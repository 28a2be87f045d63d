"""Sends the sorted plays of an export, each piece after the catalog records of its new items."""

from collections.abc import Callable, Iterator

import xxhash

from streams.files.catalog_file import by_partition
from streams.files.formats.rows import ItemNames
from streams.files.plays_piece import PlaysPiece
from streams.files.replay import RecordOf, ReplayError, Sender, Sent
from streams.files.row_types import RowTypes
from streams.messages.records import CatalogItem
from streams.outbox import Outbox, UnacknowledgedError
from streams.settings import Settings
from streams.topics.topics import topic_names

DESCRIBED_MAX = 5_000_000
"""Items that are remembered as described; beyond it no more items are described."""
KnownPlay = Callable[[str, str, int], bool]
"""Whether a listener's play of an item at a time, in milliseconds since 1970, counts already."""


def item_hash(item_id: bytes) -> int:
    """Return a hash of an item id, to remember many of them."""
    return xxhash.xxh3_64_intdigest(item_id)


class Descriptions:
    """The catalog records that an export makes.

    An item that the catalog describes already keeps its record, which may say more than an export does.

    Attributes:
        n_sent: The catalog records that were acknowledged.
    """

    def __init__(self, described: set[int] | None) -> None:
        """Describe items that are not among these hashes; nothing at all for None."""
        self._described = described
        self._waiting: dict[str, CatalogItem] = {}
        self.n_sent = 0

    def of(self, pieces: Iterator[tuple[PlaysPiece, list[ItemNames]]]) -> Iterator[PlaysPiece]:
        """Yield the plays of pieces, and remember the names of their new items until these are sent."""
        for plays, names in pieces:
            for item in names:
                self._describe(item)
            yield plays

    def _describe(self, item: ItemNames) -> None:
        if self._described is None or not (item.title or item.artist) or len(self._described) >= DESCRIBED_MAX:
            return
        known = item_hash(item.item_id.encode())
        if known not in self._described:
            self._described.add(known)
            self._waiting[item.item_id] = CatalogItem(
                item_id=item.item_id, title=item.title, artist=item.artist, kind=item.kind
            )

    def take(self, item_ids: list[str]) -> list[CatalogItem]:
        """Return the catalog records of items that are not sent yet."""
        return [item for item_id in item_ids if (item := self._waiting.pop(item_id, None)) is not None]


class ImportRecords:
    """Makes the records of an export's plays.

    Attributes:
        n_known: Plays that were not sent because they count already.
    """

    def __init__(self, signals: RowTypes, is_known: KnownPlay | None = None) -> None:
        """Leave out known plays."""
        self._signals, self._is_known = signals, is_known
        self.n_known = 0

    def record(self, piece: PlaysPiece, row: int) -> bytes | None:
        """Return the record of a row, JSON; None if it is not sent."""
        play = piece.user_ids[row], piece.item_ids[row], piece.played_at_ms[row]
        if self._is_known is not None and self._is_known(*play):
            self.n_known += 1
            return None
        return self._signals.record(piece, row)


class ImportSender(Sender):
    """Sends pieces of an export."""

    def __init__(self, outbox: Outbox, settings: Settings, record_of: RecordOf, descriptions: Descriptions) -> None:
        """Use a started outbox."""
        super().__init__(outbox, settings, record_of)
        self._catalog, self._descriptions = topic_names(settings).catalog, descriptions

    async def send(self, piece: PlaysPiece) -> list[Sent]:
        """Send the catalog records of new items, then the plays.

        Raises:
            ReplayError: Kafka did not acknowledge in time.
        """
        items = self._descriptions.take(piece.item_ids)
        try:
            sent = [
                await self._outbox.send(self._catalog, partition, records)
                for partition, records in by_partition(items, self._settings.topics.partitions).items()
            ]
            for pending in sent:
                await pending.written()
        except UnacknowledgedError as error:
            message = f"{error} Go on with --from {piece.first_row} when it answers."
            raise ReplayError(message) from error
        self._descriptions.n_sent += len(items)
        return await super().send(piece)
