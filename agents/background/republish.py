"""All lists of a partition published again, because their topic was made again."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from agents.background.refold_groups import SCAN_MAX, Refold, RefoldGroups
from agents.background.walk_progress import WalkProgress
from agents.plays.pipeline import CommitPipeline
from state.generations.serving import Serving
from state.keys import LISTS_KEY
from state.users.lists_topic import ListsTopic
from state.users.partition import PartitionState
from state.users.record_bytes import listed_at_ms_of
from streams.messages.pulse import Republished
from streams.readers.log_reader import LogReadError

log = logging.getLogger(__name__)


class Topics(Protocol):
    """The topics on the cluster (`agents/plays/topic_guard.py`)."""

    @property
    def present_ids(self) -> Mapping[str, str]:
        """Return the ids of topics by name, as of a few seconds ago."""

    async def identify(self, name: str) -> str:
        """Ask for the present id of a topic."""

    async def end_of(self, name: str, partition: int) -> int:
        """Ask for the offset after a partition's last record."""


class Listed(NamedTuple):
    """The users of a partition that have a list."""

    n: int
    latest_ms: int
    """When the latest list was made; 0 without a list."""


class Republisher:
    """Publishes the lists of a partition to a topic with another id than the one that they are on.

    Users are folded again in small groups between groups of plays, as a sweep does. The state names the topic of its
    lists (`state/users/lists_topic.py`), so a killed run goes on where it was:

    Step 1: write the new id with a time that is later than every list of before. A list that any group makes from then
        on is on the new topic.
    Step 2: publish every list of before that time. A group's lists are acknowledged before its records are written.
    Step 3: if the topic still has that id, write that all lists are on it. Otherwise begin anew.

    A state that names no topic is of an older version. It adopts the present one, unless that has fewer records than
    the partition has lists.
    """

    def __init__(
        self, groups: RefoldGroups, serving: Serving, pipeline: CommitPipeline, topics: Topics, topic: str
    ) -> None:
        """Publish to `topic`, and compare its id in `topics`."""
        self._groups, self._serving, self._pipeline = groups, serving, pipeline
        self._topics, self._topic = topics, topic
        self._progress: dict[int, WalkProgress] = {}

    def is_needed(self, state: PartitionState) -> bool:
        """Return whether lists of a partition are on another topic than the present one."""
        topic_id = self._topics.present_ids.get(self._topic, "")
        known = state.lists_topic
        return bool(topic_id and known.topic_id) and not known.has_all(topic_id)

    def progress(self, states: Mapping[int, PartitionState]) -> dict[int, Republished]:
        """Return the progress of every partition whose lists are on another topic than the present one."""
        needed = {partition: state for partition, state in states.items() if self.is_needed(state)}
        return {partition: self._progress_of(partition, state) for partition, state in needed.items()}

    def _progress_of(self, partition: int, state: PartitionState) -> Republished:
        walk = self._progress.get(partition)
        if walk is None:
            return Republished(done=0, of_about=state.n_keys_about)
        return Republished(done=walk.seen, of_about=max(walk.seen, walk.n_users_about))

    async def publish(self, partition: int) -> None:
        """Publish the lists of a partition, if the present topic lacks any.

        The work ends early if another worker gets the partition, or if the topic is made again meanwhile.
        """
        state, topic_id = self._groups.state(partition), self._topics.present_ids.get(self._topic, "")
        if state is None or not topic_id or state.lists_topic.has_all(topic_id):
            return
        if self._serving.current is None and state.lists_topic.topic_id:
            return  # lists cannot be made yet
        try:
            # Step 1
            since_ms = await self._begin(partition, state, topic_id)
            if not since_ms:
                return
            # Step 2
            progress = self._progress[partition] = self._new_progress(partition, state)
            if not await self._refold_before(since_ms, partition, state, progress):
                return
            # Step 3
            if await self._topics.identify(self._topic) == topic_id and await self._write(
                partition, state, ListsTopic(topic_id)
            ):
                progress.log_end()
        except LogReadError as error:
            log.warning("lists_unconfirmed", extra={"partition": partition, "reason": str(error)})
        finally:
            self._progress.pop(partition, None)

    async def _begin(self, partition: int, state: PartitionState, topic_id: str) -> int:
        """Return the time before which lists are on another topic; 0 if there are none."""
        known = state.lists_topic
        if known.topic_id == topic_id:
            return known.since_ms
        listed = await self._listed(partition, state)
        if listed is None:
            return 0
        is_adopted = not known.topic_id and await self._topics.end_of(self._topic, partition) >= listed.n
        if is_adopted or not listed.n:
            await self._write(partition, state, ListsTopic(topic_id))
            return 0
        since_ms = max(time.time_ns() // 1_000_000, listed.latest_ms + 1)
        if not await self._write(partition, state, ListsTopic(topic_id, since_ms)):
            return 0
        log.warning(
            "lists_topic_remade",
            extra={"partition": partition, "lists": listed.n, "topic_id": topic_id, "before": known.topic_id},
        )
        return since_ms

    async def _listed(self, partition: int, state: PartitionState) -> Listed | None:
        """Scan for the users with a list; None if the partition is not ours any more."""
        n, latest_ms, after = 0, 0, b""
        while scanned := state.users(after, SCAN_MAX):
            times = [at_ms for _, value in scanned if (at_ms := listed_at_ms_of(value))]
            n, latest_ms, after = n + len(times), max([latest_ms, *times]), scanned[-1][0]
            await asyncio.sleep(0)
            if self._groups.state(partition) is not state:
                return None
        return Listed(n, latest_ms)

    async def _refold_before(
        self, since_ms: int, partition: int, state: PartitionState, progress: WalkProgress
    ) -> bool:
        """Publish every list made before a time; False if the work has to end early."""
        topic_id, old = state.lists_topic.topic_id, _listed_before(since_ms)

        def goes_on() -> bool:
            return self._groups.state(partition) is state and self._topics.present_ids.get(self._topic) == topic_id

        work = Refold(old, goes_on, lambda group, n_folded: progress.add(group.seen, n_folded))
        return await self._groups.refold_all(self._groups.walk(partition, state, old), work) and goes_on()

    async def _write(self, partition: int, state: PartitionState, lists_topic: ListsTopic) -> bool:
        return await self._pipeline.write(partition, state, [(LISTS_KEY, lists_topic.encode())])

    def _new_progress(self, partition: int, state: PartitionState) -> WalkProgress:
        fields = {"partition": partition, "topic": self._topic}
        return WalkProgress("republish_progress", "lists_republished", fields, state.n_keys_about)


def _listed_before(at_ms: int) -> Callable[[bytes], bool]:
    return lambda value: listed_at_ms_of(value) < at_ms
