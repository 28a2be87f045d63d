"""Catalog records of an export, and plays that are left out."""

from typing import Any

import msgspec

from streams.files.formats.rows import ItemNames
from streams.files.import_sender import Descriptions, ImportRecords, ImportSender, item_hash
from streams.files.plays_piece import PlaysPiece
from streams.files.row_types import RowTypes
from streams.messages.records import CatalogItem
from streams.outbox import Item, Written
from streams.settings import Settings

AT_MS = 1_600_000_000_000


class FakeOutbox:
    """Acknowledges everything at once, and remembers it in its order."""

    def __init__(self) -> None:
        """Begin empty."""
        self.sent: list[tuple[str, Item]] = []

    async def send(self, topic: str, _: int, items: list[Item]) -> Any:
        """Take items."""
        self.sent += [(topic, item) for item in items]

        class Done:
            async def written(self) -> Written:
                return Written(0, len(items) - 1, unbroken=True)

        return Done()


def piece_of(*items: str) -> tuple[PlaysPiece, list[ItemNames]]:
    """Return plays of items, with their names."""
    n = len(items)
    nothing: list[Any] = [None] * n
    plays = PlaysPiece(1, ["ann"] * n, list(items), [AT_MS + at for at in range(n)], nothing, nothing, nothing, nothing)
    return plays, [ItemNames(item, f"Title of {item}", "A", "song") for item in items]


async def sent_of(described: set[int] | None, *pieces: tuple[PlaysPiece, list[ItemNames]]) -> list[tuple[str, bytes]]:
    """Send pieces; return topics and keys in order."""
    outbox, descriptions = FakeOutbox(), Descriptions(described)
    sender = ImportSender(outbox, Settings(), RowTypes().record, descriptions)  # type: ignore[arg-type]
    for piece in descriptions.of(iter(pieces)):
        await sender.send(piece)
    records = [
        msgspec.json.decode(item[1] or b"", type=CatalogItem) for topic, item in outbox.sent if topic == "catalog"
    ]
    assert len(records) == descriptions.n_sent
    assert all(f"Title of {item.item_id}" == item.title for item in records)
    return [(topic, item[0]) for topic, item in outbox.sent]


async def test_an_item_is_described_once_and_before_its_first_play() -> None:
    """So that a list can show its title at once."""
    sent = await sent_of(set(), piece_of("x", "y", "x"), piece_of("x", "z"))

    topics = [topic for topic, _ in sent]
    assert ["catalog", "catalog", "plays", "plays", "plays", "catalog", "plays", "plays"] == topics
    assert [b"x", b"y", b"z"] == sorted(key for topic, key in sent if topic == "catalog")


async def test_a_described_item_keeps_its_record() -> None:
    """It may have more than a title."""
    sent = await sent_of({item_hash(b"x")}, piece_of("x", "y"))

    assert [b"y"] == [key for topic, key in sent if topic == "catalog"]


async def test_nothing_is_described_if_the_caller_does_not_want_it() -> None:
    """The plays are sent all the same."""
    assert {"plays"} == {topic for topic, _ in await sent_of(None, piece_of("x", "y"))}


def test_a_known_play_is_not_sent_and_counted() -> None:
    """The others are."""
    records = ImportRecords(RowTypes(), lambda user, item, at_ms: (user, item, at_ms) == ("ann", "x", AT_MS))
    piece, _ = piece_of("x", "x")

    assert None is records.record(piece, 0)
    assert records.record(piece, 1)
    assert 1 == records.n_known
