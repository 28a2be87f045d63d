"""Recognises that Kafka's topics are other ones than those that the state was made from, before a play is learnt."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from itertools import count
from typing import Any, NamedTuple, TypeVar

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from state.keys import EPOCH_KEY
from state.users.partition import PartitionState
from state.users.plays_epoch import PlaysEpoch
from state.users.store import UserStore
from state.users.topic_rules import (
    TopicChangedError,
    check_changelog,
    check_fetched,
    check_partitions,
    check_plays,
    check_plays_id,
    check_published_changelog,
    check_published_plays,
    known_of,
)
from streams.connection.credentials import CredentialsError
from streams.consumer.slices import Slice
from streams.messages.records import StateTopics, state_topics_key
from streams.outbox import Item, Outbox, UnacknowledgedError
from streams.positions import epoch_of, offset_of
from streams.process.format_text import format_time
from streams.readers.lag import lag_of
from streams.readers.log_reader import LogReadError, Span, reader, spans_of
from streams.readers.one_record import arrival_of
from streams.readers.state_topics import read_state_topics
from streams.settings import Settings
from streams.topics.identity import TopicIdentity, identify_topics
from streams.topics.topics import declare_topics, topic_names

log = logging.getLogger(__name__)

WATCH_S = 1.0
"""Seconds between two checks of all topics."""
OTHERS_EVERY = 5
"""Checks of plays and changelog for each check of the other topics."""
GONE_S = 3.0
"""Seconds after which a topic that no broker knows is deleted, not just unknown to a broker that starts."""
RETRY_S = 0.1
Answer = TypeVar("Answer")
Write = Callable[[int, list[Item]], Awaitable[None]]
"""Makes changelog records of a partition durable."""


class Delivered(NamedTuple):
    """The plays that were delivered of a partition since it was opened."""

    state: PartitionState
    last: int
    """The highest offset."""


class TopicGuard:
    """Compares the topics on the cluster with the state, on a Kafka connection of its own.

    A broker gives a deleted and remade topic another id, and never gives the old one again. Plays are fetched by id
    (`streams/fetch/fetch_by_id.py`), so the id of a slice is that of the topic of its records. Every group is compared
    by it before it is folded; that sends no request, except for partitions that are not known yet or go back.
    """

    def __init__(self, store: UserStore, outbox: Outbox, settings: Settings, fetched_id: Callable[[], str]) -> None:
        """Guard the partitions of `store`.

        Args:
            store: The partitions.
            outbox: Publishes which topics the state belongs to.
            settings: All settings.
            fetched_id: Returns the id by which plays are fetched, empty before the first fetch.
        """
        self._store, self._outbox, self._settings = store, outbox, settings
        self._fetched_id = fetched_id
        self._names = topic_names(settings)
        single = self._names.generations, self._names.pulse
        self._alike = [topic.name for topic in declare_topics(settings) if topic.name not in single]
        self._published: StateTopics | None = None
        self._verified: dict[int, PartitionState] = {}
        self._delivered: dict[int, Delivered] = {}
        self._lost: dict[int, dict[int, int]] = {}
        self._consumer: AIOKafkaConsumer | None = None
        self._stack = AsyncExitStack()
        store.on_opened = self.check_opened

    @property
    def lost(self) -> dict[int, int]:
        """Return by partition how many plays Kafka deleted before they were processed, since this worker's start."""
        return {partition: sum(spans.values()) for partition, spans in self._lost.items()}

    def on_record(self, key: bytes | None, value: bytes | None) -> None:
        """Store which topics the state belongs to, from a record of `generations`."""
        self._published = read_state_topics(key, value, self._settings.application.group) or self._published

    async def start(self) -> None:
        """Connect, and compare the numbers of partitions.

        Raises:
            LogReadError: No broker answers.
            TopicChangedError: A topic has another number of partitions than the settings.
        """
        self._consumer = await self._stack.enter_async_context(
            reader(self._settings.kafka, self._settings.kafka.timeout_s)
        )
        await self._check_partitions()

    async def stop(self) -> None:
        """Disconnect."""
        await self._stack.aclose()

    async def check_opened(self, partition: int, state: PartitionState) -> None:
        """Check that the changelog is the one that a state on the disk belongs to, before it is read back.

        Raises:
            TopicChangedError: It is another one, or is gone, or ends before a record that the state contains.
            LogReadError: Kafka does not answer.
        """
        topic = self._names.users_changelog
        identity = (await self._identify([topic]))[topic]
        check_partitions(topic, identity.partitions, self._settings.topics.partitions)
        if not state.changelog_id and self._published is not None:
            check_published_changelog(topic, identity.topic_id, self._published.changelog_id)
        if state.place.changelog_offset >= 0:
            ends = await self._ends({topic: [partition]})
            check_changelog(state, partition, topic, identity.topic_id, ends[topic, partition])
        if state.changelog_id != identity.topic_id:
            state.adopt_changelog(identity.topic_id)

    async def admit(self, group: Sequence[Slice], write: Write) -> None:
        """Check, after a group was fetched, that its plays are of the topic of the state.

        Raises:
            TopicChangedError: A topic is another one, is gone, or ends before a play that was processed.
            LogReadError: Kafka does not answer.
        """
        states = {part.partition: self._store.partitions.get(part.partition) for part in group}
        owned = {partition: state for partition, state in states.items() if state is not None}
        await self._compare_delivered(group)
        doubtful = [partition for partition, state in owned.items() if self._verified.get(partition) is not state]
        if doubtful:
            await self._verify_present(doubtful, write)
        for part in group:
            state = owned.get(part.partition)
            if state is not None:
                check_plays_id(state, part.partition, self._names.plays, part.topic_id)
                last = max(self._last_delivered(part.partition), part.last_offset)
                self._delivered[part.partition] = Delivered(state, last)

    async def _verify_present(self, partitions: Sequence[int], write: Write) -> None:
        """Compare partitions with the topic of plays that exists now."""
        plays = (await self._identify([self._names.plays]))[self._names.plays]
        await self.verify(partitions, plays, write)

    async def _compare_delivered(self, group: Sequence[Slice]) -> None:
        """Compare the offsets of a group with those that were delivered before it."""
        lasts: dict[int, int] = {}
        for part in group:
            last = lasts.get(part.partition, self._last_delivered(part.partition))
            lasts[part.partition] = part.last_offset
            if not part.records:  # control records and aborted ones alone
                continue
            first = part.records[0].offset
            if first <= last:
                self._verified.pop(part.partition, None)  # delivered again, or of a topic that begins anew
            elif last >= 0 and first > last + 1:  # a transaction's marker, or plays that Kafka deleted
                await self._note_deleted(part.partition, Span(last + 1, first), part.records[0].timestamp)

    def _last_delivered(self, partition: int) -> int:
        """Return the highest offset that was delivered of a partition since it was opened, -1 for none."""
        delivered = self._delivered.get(partition)
        is_open = delivered is not None and delivered.state is self._store.partitions.get(partition)
        return delivered.last if delivered is not None and is_open else -1

    async def verify(self, partitions: Sequence[int], plays: TopicIdentity, write: Write) -> None:
        """Compare partitions with the topic of plays, and let a state without an id adopt the present one.

        Raises:
            TopicChangedError: The topic is another one, or ends before a play that was processed.
        """
        check_partitions(self._names.plays, plays.partitions, self._settings.topics.partitions)
        ends, opened = await self._ends({self._names.plays: partitions}), list[int]()
        for partition in partitions:
            state = self._store.partitions.get(partition)
            if state is None:
                continue
            if not state.epoch.topic_id and self._published is not None:
                check_published_plays(self._names.plays, plays.topic_id, self._published.plays_id)
            seen = self._last_delivered(partition)
            check_plays(state, partition, self._names.plays, plays.topic_id, ends[self._names.plays, partition], seen)
            if seen < 0 and self._verified.get(partition) is not state:
                opened.append(partition)
            if not state.epoch.topic_id:
                adopted = PlaysEpoch(state.epoch.epoch, plays.topic_id)
                await write(partition, [(EPOCH_KEY, adopted.encode())])
            self._verified[partition] = state
        if opened:
            await self._measure_loss(opened)

    async def _measure_loss(self, partitions: Sequence[int]) -> None:
        """Count the plays that Kafka deleted between the last processed one and the first one that it still has.

        Committed offsets that have expired are no loss: the state contains the processed plays, and skips them.
        """
        async with lag_of(self._settings) as lag:
            offsets = await lag.offsets()
        for partition in partitions:
            state, of_group = self._store.partitions.get(partition), offsets.get(partition)
            if state is None or of_group is None:
                continue
            applied = state.place.applied_offset_max
            processed = offset_of(applied) + 1 if epoch_of(applied) == state.epoch.epoch else 0
            if of_group.committed is None and processed:
                log.warning("offsets_expired", extra={"partition": partition, "processed": processed})
            known = max(of_group.committed or 0, processed)
            if known and min(of_group.start, of_group.end) > known:
                await self._note_deleted(partition, Span(known, of_group.end), None)

    async def _note_deleted(self, partition: int, gap: Span, left_ms: int | None) -> None:
        """Count and log the plays of a gap that Kafka does not have any more, if there are any.

        Args:
            partition: Their partition.
            gap: The offsets from the first unprocessed play to the next delivered one, or to the end. Kafka may have
                deleted plays behind it by now that were delivered.
            left_ms: Arrival of the first play that is left, if it is known.
        """
        tp, first = TopicPartition(self._names.plays, partition), gap.start
        start = min((await spans_of(self._connected, [tp]))[tp].start, gap.end)
        if start <= first or first in self._lost.get(partition, {}):
            return
        self._lost.setdefault(partition, {})[first] = start - first
        if left_ms is None:
            left_ms = await arrival_of(self._settings, tp.topic, partition, start)
        state = self._store.partitions.get(partition)
        place = state.place.changelog_offset if state else -1
        processed_ms = await arrival_of(self._settings, self._names.users_changelog, partition, place)
        log.error(
            "plays_lost",
            extra={
                "partition": partition,
                "first": first,
                "last": start - 1,
                "plays": start - first,
                "after": format_time(processed_ms),
                "before": format_time(left_ms),
            },
        )

    async def watch(self, turn: asyncio.Lock, write: Write) -> None:
        """Check plays and changelog every second, and the other topics less often; `turn` is the lock of groups.

        Raises:
            TopicChangedError: A topic is another one, is gone, has other partitions, or lost processed plays.
        """
        failing = False
        for n_checked in count():
            await asyncio.sleep(WATCH_S)
            try:
                if n_checked % OTHERS_EVERY == 0:
                    await self._check_partitions()
                if self._store.settled:
                    await self._check_all(turn, write)
            except (KafkaError, LogReadError, UnacknowledgedError, TimeoutError, CredentialsError) as error:
                if not failing:
                    log.warning("topics_unchecked", extra={"reason": repr(error)})
                failing = True
            else:
                failing = False

    async def _check_all(self, turn: asyncio.Lock, write: Write) -> None:
        """Check the partitions that this worker owns, and publish which topics they belong to.

        Kafka is asked without the lock, so that no group waits for the answers. Groups go on meanwhile, so the values
        of before the requests are compared with them.
        """
        plays, changelog = self._names.plays, self._names.users_changelog
        states = dict(self._store.partitions)
        if not states:
            return
        known = {partition: known_of(state) for partition, state in states.items()}
        seen = {partition: self._last_delivered(partition) for partition in states}
        identities = await self._identify([plays, changelog])
        for name in (plays, changelog):
            check_partitions(name, identities[name].partitions, self._settings.topics.partitions)
        ends = await self._ends({plays: sorted(states), changelog: sorted(states)})
        for partition, before in known.items():
            check_changelog(before, partition, changelog, identities[changelog].topic_id, ends[changelog, partition])
            check_plays(before, partition, plays, identities[plays].topic_id, ends[plays, partition], seen[partition])
        check_fetched(plays, identities[plays].topic_id, self._fetched_id())
        if any(self._verified.get(partition) is not state for partition, state in states.items()):
            async with turn:
                await self._verify_present(sorted(states), write)
        await self._publish(identities)

    async def _publish(self, identities: Mapping[str, TopicIdentity]) -> None:
        """Publish which topics the state belongs to, if that is not published."""
        epochs = [state.epoch for state in self._store.partitions.values()]
        plays_id = identities[self._names.plays].topic_id
        if not epochs or any(epoch.topic_id != plays_id for epoch in epochs):
            return
        topics = StateTopics(
            plays_id=plays_id,
            changelog_id=identities[self._names.users_changelog].topic_id,
            epoch=max(epoch.epoch for epoch in epochs),
            partitions=self._settings.topics.partitions,
        )
        if topics != self._published:
            item = (state_topics_key(self._settings.application.group), msgspec.json.encode(topics))
            await (await self._outbox.send(self._names.generations, 0, [item])).written()
            self._published = topics

    async def _check_partitions(self) -> None:
        """Check that all topics with the partitions of plays have the number of the settings."""
        for name, identity in (await self._identify(self._alike)).items():
            check_partitions(name, identity.partitions, self._settings.topics.partitions)

    async def _identify(self, names: Sequence[str]) -> dict[str, TopicIdentity]:
        """Return the identity of topics.

        Raises:
            TopicChangedError: A topic is gone.
            LogReadError: Kafka does not answer.
        """

        async def ask() -> dict[str, TopicIdentity] | None:
            identities.update(await identify_topics(self._client, names))
            return identities if len(identities) == len(names) else None

        identities: dict[str, TopicIdentity] = {}
        await self._answer(ask, lambda: [name for name in names if name not in identities])
        return identities

    async def _answer(self, ask: Callable[[], Awaitable[Answer | None]], missing: Callable[[], list[str]]) -> Answer:
        """Ask until the topics are there, or are missing for `GONE_S` seconds.

        Raises:
            TopicChangedError: A topic is gone.
            LogReadError: Kafka does not answer.
        """
        clock, timeout_s = asyncio.get_running_loop().time, self._settings.kafka.timeout_s
        began = clock()
        while True:
            try:
                async with asyncio.timeout(timeout_s):
                    answer = await ask()
            except (KafkaError, TimeoutError) as error:
                if clock() - began > timeout_s:
                    message = f"Kafka did not say which topics it has within {timeout_s:g} s: {error!r}."
                    raise LogReadError(message) from error
            else:
                if answer is not None:
                    return answer
                if clock() - began > GONE_S:
                    raise TopicChangedError(self._describe_missing(missing()[0]))
            await asyncio.sleep(RETRY_S)

    def _describe_missing(self, name: str) -> str:
        keeps_state = name in (self._names.plays, self._names.users_changelog)
        rebase = " and `playfold state rebase`, which keeps the histories" if keeps_state else ""
        return (
            f"Topic {name} does not exist any more. Restore it with its records; "
            f"or run `playfold topics create`{rebase}."
        )

    async def _ends(self, partitions: Mapping[str, Sequence[int]]) -> dict[tuple[str, int], int]:
        """Return by topic and partition the offsets after the last records.

        Raises:
            LogReadError: Kafka does not answer.
        """
        tps = [TopicPartition(topic, partition) for topic, numbers in partitions.items() for partition in numbers]
        try:
            ends = await self._connected.end_offsets(tps)
        except KafkaError as error:
            message = f"Kafka did not say where {', '.join(partitions)} end: {error!r}."
            raise LogReadError(message) from error
        return {(tp.topic, tp.partition): end for tp, end in ends.items()}

    @property
    def _connected(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            message = "The guard of the topics is not started."
            raise RuntimeError(message)
        return self._consumer

    @property
    def _client(self) -> Any:
        return self._connected._client  # noqa: SLF001  aiokafka has no public call for a topic's id
