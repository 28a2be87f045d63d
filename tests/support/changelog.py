"""The users changelog as a test looks at it: all of it in memory."""

from dataclasses import dataclass, field

from jobs.histories.snapshot import read_partitions
from jobs.progress import no_progress
from streams.settings import Settings


@dataclass
class History:
    """The changelog to the high watermark it had when the read began."""

    users: dict[bytes, bytes] = field(default_factory=dict)
    """Per user, the record with the highest applied offset."""
    item_ids: dict[int, str] = field(default_factory=dict)
    """The id behind every item key."""
    read_through: dict[int, int] = field(default_factory=dict)
    """Per partition, the offset after the last record read."""


async def read_history(settings: Settings) -> History:
    """Read the users changelog."""
    history_read = History()
    async for partition, history in read_partitions(settings, no_progress):
        history_read.users |= history.users
        history_read.item_ids |= history.item_ids
        if history.read_through:
            history_read.read_through[partition] = history.read_through
    return history_read
