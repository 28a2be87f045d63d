"""Records that a check of `playfold doctor` cannot read: they are left out, counted and named."""

from typing import NamedTuple

from jobs.doctor.finding import Issue
from streams.fetch.unreadable_batch import UnreadableBatch
from streams.process.format_text import pluralize, printable

NAMED_MAX = 5
"""Places that are named; the others are counted only."""
BATCH = "Let another replica lead the partition, or restore the topic from a backup: these bytes are damaged."
VALUE = "Find the program that wrote these records, and correct it: playfold did not write them."


class _Place(NamedTuple):
    """A record or a batch that cannot be read."""

    topic: str
    partition: int
    first: int
    last: int
    reason: str

    def __str__(self) -> str:
        offsets = f"offset {self.first}" if self.first == self.last else f"offsets {self.first} to {self.last}"
        return f"{self.topic}, partition {self.partition}, {offsets} ({self.reason})"


class DamagedRecords:
    """Collects the records of one check that cannot be read.

    Attributes:
        n_records: Their number; of a batch, the number of its offsets.
    """

    def __init__(self) -> None:
        self.n_records = 0
        self._places: list[_Place] = []
        self._remedies: dict[str, None] = {}

    def skip(self, batch: UnreadableBatch) -> None:
        """Add a batch that does not decode."""
        self._add(_Place(batch.topic, batch.partition, batch.offset, batch.last_offset, printable(batch.reason)), BATCH)

    def add(self, topic: str, partition: int, offset: int, reason: str) -> None:
        """Add a record whose value or key is none of its topic's."""
        self._add(_Place(topic, partition, offset, offset, printable(reason)), VALUE)

    def _add(self, place: _Place, remedy: str) -> None:
        self.n_records += place.last - place.first + 1
        self._remedies[remedy] = None
        if len(self._places) < NAMED_MAX:
            self._places.append(place)

    @property
    def issues(self) -> list[Issue]:
        """Return a warning that names the records; nothing without such records."""
        if not self.n_records:
            return []
        n_others = self.n_records - sum(place.last - place.first + 1 for place in self._places)
        unnamed = f"; and {n_others:,} others" if n_others else ""
        says = (
            f"{pluralize(self.n_records, 'record')} cannot be read and {'is' if self.n_records == 1 else 'are'} "
            f"left out: {'; '.join(map(str, self._places))}{unnamed}."
        )
        return [Issue("warning", says, " ".join(self._remedies))]
