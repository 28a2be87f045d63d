"""The epochs and the highest positions of a changelog, read to its end."""

from dataclasses import dataclass, field

from aiokafka.structs import ConsumerRecord

from jobs.progress import JobProgress, ProgressCallback
from state.keys import EPOCH_KEY, is_user
from state.users.plays_epoch import PlaysEpoch, read_epoch
from state.users.record import NOTHING_APPLIED
from state.users.record_bytes import applied_offset_of
from streams.positions import epoch_of, offset_of
from streams.readers.log_reader import partitions_of, read_span, reader, spans_of
from streams.settings import Settings
from streams.topics.topics import topic_names

READING = "reading the changelog"


@dataclass
class PartitionScan:
    """The epoch and the highest position of a partition of the changelog."""

    recorded: PlaysEpoch = field(default_factory=PlaysEpoch)
    """The highest epoch that was recorded."""
    highest: int = NOTHING_APPLIED
    """The highest position that a user's record contains."""

    @property
    def epoch(self) -> int:
        """Return the present epoch."""
        return max(self.recorded.epoch, epoch_of(self.highest))

    @property
    def applied_offset(self) -> int:
        """Return the highest applied offset in the present epoch, -1 for none."""
        return offset_of(self.highest) if epoch_of(self.highest) == self.epoch else NOTHING_APPLIED

    def take(self, record: ConsumerRecord) -> None:
        """Read the next record."""
        if record.value is None:
            return
        if record.key == EPOCH_KEY:
            read = read_epoch(record.value)
            self.recorded = read if read.epoch >= self.recorded.epoch else self.recorded
        elif is_user(record.key):
            self.highest = max(self.highest, applied_offset_of(record.value))


async def scan_changelog(settings: Settings, on_progress: ProgressCallback) -> dict[int, PartitionScan]:
    """Read the whole users changelog.

    Raises:
        LogReadError: The topic is missing or Kafka does not answer.
    """
    scans: dict[int, PartitionScan] = {}
    async with reader(settings.kafka, settings.kafka.timeout_s) as consumer:
        spans = await spans_of(consumer, await partitions_of(consumer, topic_names(settings).users_changelog))
        n_read, total = 0, sum(span.end - span.start for span in spans.values())
        scans |= {tp.partition: PartitionScan() for tp in spans}
        ends, starts = {tp: span.end for tp, span in spans.items()}, {tp: span.start for tp, span in spans.items()}
        async for partition, records in read_span(consumer, ends, starts, settings.kafka.timeout_s):
            for record in records:
                scans[partition].take(record)
            n_read += len(records)
            on_progress(JobProgress(READING, n_read, total))
    on_progress(JobProgress(READING, total, total))  # compaction leaves gaps in the offsets
    return scans
