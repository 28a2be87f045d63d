"""The partitions that a reader follows: its place in each, and the ones that it cannot read."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import ConsumerStoppedError, KafkaError
from aiokafka.structs import ConsumerRecord

from streams.connection.rights import MissingRightError
from streams.fetch.unreadable_batch import is_unreadable
from streams.fetch.unreadable_places import UnreadablePlaces

log = logging.getLogger(__name__)

RETRY_S = 5.0
"""Seconds until a partition whose fetch failed is fetched again."""
POSITION_S = 1.0
"""Longest wait for the beginning of a partition whose log ends before its place."""
ALONE_MS = 50
"""Longest wait for a partition that is fetched alone, to see whether its fetch is the one that fails."""
AFTER_ERROR_S = 0.05
"""Pause after an error, so that a lasting one does not keep the process busy."""


OnRewound = Callable[[TopicPartition, int], object]
"""Called with a partition that lost its end, and the place from which it is read again."""


def ignore_rewound(_: TopicPartition, __: int) -> None:
    """Do nothing about a partition that is read again."""


class FollowedPartitions:
    """Fetches from partitions, and goes back to its places after an error.

    aiokafka's `getmany()` moves the positions of all partitions that it returns. If one of them fails, it raises the
    error and drops the records of the others. So after an error, and after a reader that failed or was cancelled,
    the consumer seeks back. The partitions are then fetched one by one: those that fail are retried every `RETRY_S`
    seconds, and the others go on. A partition whose log ends before its place is read from its beginning again.

    Attributes:
        places: The next offset to take in, by partition.
    """

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        places: Mapping[TopicPartition, int],
        unreadable: UnreadablePlaces | None = None,
        clock: Callable[[], float] = time.monotonic,
        on_rewound: OnRewound = ignore_rewound,
    ) -> None:
        """Seek to `places`; the consumer is assigned to them.

        Args:
            consumer: A consumer of `reader`.
            places: The next offset to take in, by partition.
            unreadable: Collects the partitions that cannot be read, also for a missing right. Without it, a missing
                right is an error.
            clock: Returns seconds.
            on_rewound: Called with a partition whose log ends before its place, as after an unclean election. It is
                read again from its beginning.
        """
        self._consumer, self._clock, self._on_rewound = consumer, clock, on_rewound
        self._isolated = KafkaError if unreadable is None else (KafkaError, MissingRightError)
        self.places = dict(places)
        self.unreadable = UnreadablePlaces() if unreadable is None else unreadable
        self._suspects: list[TopicPartition] = []
        self._retry_at: dict[TopicPartition, float] = {}
        self._mended_at: dict[TopicPartition, float] = {}
        self._moved = False
        self._go_back()

    async def fetch(
        self, timeout_ms: int, max_records: int | None = None
    ) -> AsyncIterator[tuple[TopicPartition, Sequence[ConsumerRecord]]]:
        """Fetch once, and yield partitions with their records.

        A partition's records count as taken in when the caller asks for the next ones. A batch that does not decode
        is skipped and reported.

        Args:
            timeout_ms: Longest wait for a record.
            max_records: Most records, all partitions together.

        Raises:
            ConsumerStoppedError: The consumer is closed.
            MissingRightError: The right to read is missing, and the partitions are reported to no `unreadable`.
        """
        if self._moved:
            self._go_back()
        requested = self._requested()
        if not requested:
            await asyncio.sleep(timeout_ms / 1000)
            return
        fetched = await self._get(requested, timeout_ms, max_records)
        if fetched is None:
            return
        for tp, records in fetched.items():
            if records and records[0].offset < self.places[tp]:
                self._rewind(tp, records[0].offset)
            if is_unreadable(records):
                self.unreadable.skip(records[0])
                self.places[tp] = records[0].last_offset + 1
                continue
            yield tp, records
            self.places[tp] = records[-1].offset + 1
            self.unreadable.unblock(tp)
        await self._take_positions(requested)
        self._moved = False
        self._unblock_idle()

    async def _get(
        self, requested: Sequence[TopicPartition], timeout_ms: int, max_records: int | None
    ) -> Mapping[TopicPartition, Sequence[ConsumerRecord]] | None:
        """Fetch records; return None after an error, when no partition has moved."""
        self._moved = True
        alone = len(self._suspects) > 0
        try:
            fetched: Mapping[TopicPartition, Sequence[ConsumerRecord]] = await self._consumer.getmany(
                *requested, timeout_ms=min(timeout_ms, ALONE_MS) if alone else timeout_ms, max_records=max_records
            )
        except ConsumerStoppedError:
            raise
        except self._isolated as error:
            self._failed(requested, error)
            await asyncio.sleep(AFTER_ERROR_S)
            return None
        if alone:
            self._mended_at[self._suspects.pop()] = self._clock() + RETRY_S
        return fetched

    async def _take_positions(self, requested: Sequence[TopicPartition]) -> None:
        """Move the places over control records, aborted records and compacted records, which have offsets, too."""
        tps = iter(requested)
        while True:
            with suppress(TimeoutError):  # a position is being looked up, and Kafka does not answer: it is left out
                async with asyncio.timeout(POSITION_S):  # one for all of them, since nearly all are known
                    for tp in tps:
                        self._take_position(tp, await self._consumer.position(tp))
                return

    def _take_position(self, tp: TopicPartition, position: int) -> None:
        if position < self.places[tp]:
            self._rewind(tp, position)
        self.places[tp] = position

    def _rewind(self, tp: TopicPartition, place: int) -> None:
        """Go on from an earlier place: aiokafka goes to the beginning of a log that ends before its position."""
        log.warning(
            "partition_truncated",
            extra={"topic": tp.topic, "partition": tp.partition, "offset": self.places[tp], "begins_at": place},
        )
        self.unreadable.forget_partition(tp)
        self.places[tp] = place
        self._on_rewound(tp, place)

    def _requested(self) -> list[TopicPartition]:
        """Return the partitions of the next fetch: one suspect, or all without those that have just failed."""
        now = self._clock()
        for tp in [tp for tp, at in self._retry_at.items() if at <= now]:
            del self._retry_at[tp]
            self._suspects.append(tp)
        if self._suspects:
            return [self._suspects[-1]]
        return [tp for tp in self.places if tp not in self._retry_at]

    def _failed(self, requested: Sequence[TopicPartition], error: Exception) -> None:
        """Suspect the partitions of a failed fetch, or set the only one aside."""
        self._go_back()
        if len(requested) > 1:
            self._suspects = list(requested)
            return
        (tp,) = requested
        self._suspects = [suspect for suspect in self._suspects if suspect != tp]
        self._retry_at[tp] = self._clock() + RETRY_S
        self._mended_at.pop(tp, None)
        self.unreadable.block(tp, self.places[tp], str(error) or repr(error))

    def _unblock_idle(self) -> None:
        """Unblock partitions without new records once their fetch has not failed for `RETRY_S` seconds.

        Kafka does not describe a topic without a right on it. aiokafka then fetches nothing and raises nothing.
        """
        now = self._clock()
        for tp in [tp for tp, at in self._mended_at.items() if at <= now]:
            if tp.partition in (self._consumer.partitions_for_topic(tp.topic) or ()):
                del self._mended_at[tp]
                self.unreadable.unblock(tp)

    def _go_back(self) -> None:
        """Seek to the places."""
        for tp, place in self.places.items():
            self._consumer.seek(tp, place)
        self._moved = False
