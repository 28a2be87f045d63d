"""Recognises that Kafka's topics are other ones than those that the state was made from, before a play is learnt."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import count

import msgspec
from aiokafka.errors import KafkaError

from agents.plays.cluster_topics import ClusterTopics
from agents.plays.lost_plays import Delivered, LostPlays
from agents.plays.present_ids import PresentIds
from state.keys import EPOCH_KEY
from state.users.partition import PartitionState
from state.users.plays_epoch import PlaysEpoch
from state.users.store import UserStore
from state.users.topic_rules import (
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
from streams.messages.generations import StateTopics, state_topics_key
from streams.outbox import Item, Outbox, UnacknowledgedError
from streams.readers.log_reader import LogReadError, Span
from streams.readers.state_topics import read_state_topics
from streams.settings import Settings
from streams.topics.identity import TopicIdentity
from streams.topics.topics import declare_topics, topic_names

log = logging.getLogger(__name__)

WATCH_S = 1.0
"""Seconds between two checks of all topics."""
OTHERS_EVERY = 5
"""Checks of plays and changelog for each check of the other topics."""
Write = Callable[[int, list[Item]], Awaitable[None]]
"""Makes changelog records of a partition durable."""


class TopicGuard:
    """Compares the topics on the cluster with the state.

    A broker gives a deleted and remade topic another id, and never gives the old one again. Plays are fetched by id
    (`streams/fetch/fetch_by_id.py`), so the id of a slice is that of the topic of its records. Every group is compared
    by it before it is folded; that sends no request, except for partitions that are not known yet or go back.
    """

    def __init__(self, store: UserStore, outbox: Outbox, settings: Settings, fetched_id: Callable[[str], str]) -> None:
        """Guard the partitions of `store`.

        Args:
            store: The partitions.
            outbox: Publishes which topics the state belongs to.
            settings: All settings.
            fetched_id: Returns the id by which a topic is fetched, empty before its first fetch.
        """
        self._store, self._outbox, self._settings = store, outbox, settings
        self._fetched_id = fetched_id
        self._names = topic_names(settings)
        single = self._names.generations, self._names.pulse
        self._alike = [topic.name for topic in declare_topics(settings) if topic.name not in single]
        self._published: StateTopics | None = None
        self._verified: dict[int, PartitionState] = {}
        self._delivered: dict[int, Delivered] = {}
        self._cluster = ClusterTopics(settings)
        self._lost = LostPlays(store, self._cluster, settings)
        self._present = PresentIds(self._cluster)
        store.on_opened = self.check_opened

    @property
    def lost(self) -> dict[int, int]:
        """Return by partition how many plays Kafka deleted before they were processed, since this worker's start."""
        return self._lost.counts

    @property
    def present_ids(self) -> Mapping[str, str]:
        """Return the ids of the topics by name, as of the last check."""
        return self._present.by_name

    async def identify(self, name: str) -> str:
        """Ask for the present id of a topic.

        Raises:
            TopicChangedError: The topic is gone.
            LogReadError: Kafka does not answer.
        """
        return (await self._cluster.identify([name]))[name].topic_id

    async def end_of(self, name: str, partition: int) -> int:
        """Ask for the offset after a partition's last record.

        Raises:
            LogReadError: Kafka does not answer.
        """
        return (await self._cluster.ends({name: [partition]}))[name, partition]

    def on_record(self, key: bytes | None, value: bytes | None) -> None:
        """Store which topics the state belongs to, from a record of `generations`."""
        self._published = read_state_topics(key, value, self._settings.application.group) or self._published

    def publish_again(self) -> None:
        """Publish the topics of the state at the next check: the topic of generations was made again."""
        self._published = None

    async def start(self) -> None:
        """Connect, and compare the numbers of partitions.

        Raises:
            LogReadError: No broker answers.
            TopicChangedError: A topic has another number of partitions than the settings.
        """
        await self._cluster.start()
        await self._check_partitions()

    async def stop(self) -> None:
        """Disconnect."""
        await self._cluster.stop()

    async def check_opened(self, partition: int, state: PartitionState) -> None:
        """Check that the changelog is the one that a state on the disk belongs to, before it is read back.

        Raises:
            TopicChangedError: It is another one, or is gone, or ends before a record that the state contains.
            LogReadError: Kafka does not answer.
        """
        topic = self._names.users_changelog
        identity = (await self._cluster.identify([topic]))[topic]
        check_partitions(topic, identity.partitions, self._settings.topics.partitions)
        if not state.changelog_id and self._published is not None:
            check_published_changelog(topic, identity.topic_id, self._published.changelog_id)
        if state.place.changelog_offset >= 0:
            ends = await self._cluster.ends({topic: [partition]})
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
        plays = (await self._cluster.identify([self._names.plays]))[self._names.plays]
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
                await self._lost.add_gap(part.partition, Span(last + 1, first), part.records[0].timestamp)

    def _last_delivered(self, partition: int) -> int:
        """Return the highest offset that was delivered of a partition since it was opened, -1 for none."""
        delivered = self._delivered.get(partition)
        is_open = delivered is not None and delivered.state is self._store.partitions.get(partition)
        return delivered.last if delivered is not None and is_open else -1

    async def verify(self, partitions: Sequence[int], plays: TopicIdentity, write: Write) -> None:
        """Compare partitions with the topic of plays.

        A state without an id adopts the one by which its plays are fetched; before the first fetch, the present one.
        None adopts an id unless the topic is that of all of them: an earlier process may have died between two.

        Raises:
            TopicChangedError: The topic is another one, or ends before a play that was processed.
            LogReadError: Kafka does not answer. The partitions are verified again later.
        """
        check_partitions(self._names.plays, plays.partitions, self._settings.topics.partitions)
        ends, opened = await self._cluster.ends({self._names.plays: partitions}), list[int]()
        plays_id = self._fetched_id(self._names.plays) or plays.topic_id
        states = {number: state for number in partitions if (state := self._store.partitions.get(number)) is not None}
        for partition, state in states.items():
            if not state.epoch.topic_id and self._published is not None:
                check_published_plays(self._names.plays, plays_id, self._published.plays_id)
            seen = self._last_delivered(partition)
            check_plays(state, partition, self._names.plays, plays.topic_id, ends[self._names.plays, partition], seen)
            if seen < 0 and self._verified.get(partition) is not state:
                opened.append(partition)
        for partition, state in states.items():
            if not state.epoch.topic_id:
                adopted = PlaysEpoch(state.epoch.epoch, plays_id, state.epoch.start)
                await write(partition, [(EPOCH_KEY, adopted.encode())])
        if opened:
            await self._lost.measure(opened)
        self._verified |= states

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
        identities = await self._cluster.identify([plays, changelog])
        for name in (plays, changelog):
            check_partitions(name, identities[name].partitions, self._settings.topics.partitions)
        ends = await self._cluster.ends({plays: sorted(states), changelog: sorted(states)})
        for partition, before in known.items():
            check_changelog(before, partition, changelog, identities[changelog].topic_id, ends[changelog, partition])
            check_plays(before, partition, plays, identities[plays].topic_id, ends[plays, partition], seen[partition])
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
        """Check that all topics with the partitions of plays have the number of the settings.

        Those that are fetched must be the present ones: by an id of before, a fetch of a changelog would never end.
        """
        identities = await self._cluster.identify(self._alike)
        for name, identity in identities.items():
            check_partitions(name, identity.partitions, self._settings.topics.partitions)
            check_fetched(name, identity.topic_id, self._fetched_id(name))
        await self._present.take({name: identity.topic_id for name, identity in identities.items()})
