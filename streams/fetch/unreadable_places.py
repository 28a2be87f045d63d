"""The places of topics that readers of this process cannot read."""

import logging
from dataclasses import dataclass, replace

from aiokafka.structs import TopicPartition

from streams.fetch.unreadable_batch import UnreadableBatch

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Gap:
    """The skipped batches of a partition, as one range."""

    first: int
    """Offset of the first of them."""
    last: int
    """Offset of the last of them."""
    n_batches: int
    reason: str
    """Of the latest batch."""


class UnreadablePlaces:
    """Collects the partitions whose fetch fails, and the batches that readers skipped because they do not decode."""

    def __init__(self) -> None:
        self._blocked: dict[TopicPartition, str] = {}
        self.gaps: dict[TopicPartition, Gap] = {}

    def skip(self, batch: UnreadableBatch) -> None:
        """Add a skipped batch."""
        gap = self.gaps.get(batch.tp)
        if gap is not None and gap.first <= batch.offset <= gap.last:
            return
        place = {"topic": batch.topic, "partition": batch.partition, "offset": batch.offset, "last": batch.last_offset}
        log.error("batch_unreadable", extra={**place, "reason": batch.reason})
        if gap is None:
            self.gaps[batch.tp] = Gap(batch.offset, batch.last_offset, 1, batch.reason)
        else:
            self.gaps[batch.tp] = replace(
                gap, last=max(gap.last, batch.last_offset), n_batches=gap.n_batches + 1, reason=batch.reason
            )

    def block(self, tp: TopicPartition, offset: int, reason: str) -> None:
        """Add a partition whose fetch fails at an offset."""
        if tp not in self._blocked:
            place = {"topic": tp.topic, "partition": tp.partition, "offset": offset}
            log.error("partition_unreadable", extra={**place, "reason": reason})
        self._blocked[tp] = f"{tp.topic}, partition {tp.partition}, from offset {offset} on: {reason.rstrip('.')}"

    def unblock(self, tp: TopicPartition) -> None:
        """Remove a partition whose fetch succeeds again."""
        if self._blocked.pop(tp, None) is not None:
            log.info("partition_readable", extra={"topic": tp.topic, "partition": tp.partition})

    def trim(self, tp: TopicPartition, start: int) -> None:
        """Remove the gap of a partition whose log begins behind it now."""
        if tp in self.gaps and self.gaps[tp].last < start:
            del self.gaps[tp]

    def forget(self, topic: str) -> None:
        """Remove the places of a topic that was made again."""
        for places in (self.gaps, self._blocked):
            for tp in [tp for tp in places if tp.topic == topic]:
                del places[tp]

    def forget_partition(self, tp: TopicPartition) -> None:
        """Remove the places of a partition that is read again."""
        self.gaps.pop(tp, None)
        self._blocked.pop(tp, None)

    def is_blocked(self, tp: TopicPartition) -> bool:
        """Return whether the fetch of a partition fails."""
        return tp in self._blocked

    def is_whole(self, topic: str, partition: int) -> bool:
        """Return whether every record of a partition was read, or waits for a fetch that works."""
        tp = TopicPartition(topic, partition)
        return tp not in self._blocked and tp not in self.gaps

    def __len__(self) -> int:
        """Return the number of partitions of which a part cannot be read."""
        return len({*self.gaps, *self._blocked})

    def describe(self, topic: str | None = None, partition: int | None = None) -> list[str]:
        """Return a clause for each place: of one partition, or of all."""
        gaps = {
            tp: f"{tp.topic}, partition {tp.partition}, offsets {gap.first} to {gap.last}: {gap.reason}"
            for tp, gap in self.gaps.items()
        }
        tps = sorted({*gaps, *self._blocked})
        wanted = [tp for tp in tps if topic is None or tp == TopicPartition(topic, partition)]
        return [clauses[tp] for tp in wanted for clauses in (self._blocked, gaps) if tp in clauses]
