"""Copies the state to new topics with another number of partitions; the old topics stay as they are."""

import asyncio
import re

import msgspec

from jobs.progress import ProgressCallback
from jobs.topics.errors import MoveError
from jobs.topics.group import await_no_members
from jobs.topics.plays_copy import OldPlays, copy_plays
from jobs.topics.source import Source, describe_source
from jobs.topics.state_copy import StateCopy
from jobs.topics.target import Target, begin_epoch, describe_target, latest_copied, write_marks
from streams.outbox import Outbox
from streams.settings import Settings, override
from streams.topics.admin import create_topics, verify_topics
from streams.topics.topics import topic_names


class Repartitioned(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a repartition."""

    partitions: int
    topic_prefix: str
    group: str
    """Number of partitions, prefix of topics and group of the new topics: settings of all processes from now on."""
    records: dict[str, int]
    """By new topic, the records that were copied; empty if that was done before."""
    hashes: dict[str, str]
    """By new topic, the hash of its content, which is that of the old topic."""
    strays: int
    """Listeners' records that were on another partition than that of their key."""
    plays: int
    """Plays that neither the copied state nor an earlier complete run contained: they are on the new topic."""


def target_settings(settings: Settings, n_partitions: int, prefix: str | None, group: str | None) -> Settings:
    """Return the settings of the new topics; without a prefix and a group these follow from the number."""
    plain_prefix = re.sub(r"^p\d+-", "", settings.topics.prefix)
    plain_group = re.sub(r"-p\d+$", "", settings.application.group)
    return override(
        settings,
        partitions=n_partitions,
        topic_prefix=f"p{n_partitions}-{plain_prefix}" if prefix is None else prefix,
        group=f"{plain_group}-p{n_partitions}" if group is None else group,
    )


async def repartition(settings: Settings, new_settings: Settings, on_progress: ProgressCallback) -> Repartitioned:
    """Copy the state to the topics of `new_settings`, where it begins a new epoch.

    Step 1: create the new topics.
    Step 2: mark every partition of the new changelog as an unfinished copy, which no worker accepts.
    Step 3: copy lists, items and the changelog, and verify each copy by its content.
    Step 4: copy the plays that no worker has applied.
    Step 5: commit offsets, publish which plays are copied, and write the epoch of every new partition: from here on
        workers accept the new topics.

    A killed run is finished by the next one. After step 5 a run only copies the plays that the old topic got since
    the last complete run, whether workers have gone on with the old topics or not.

    Raises:
        MoveError: Workers run, the state does not belong to the old topic of plays, or the new topics belong to
            another state.
        LogReadError, OutboxError, TopicsError: Kafka does not answer, or a topic is missing.
    """
    _check_names(settings, new_settings)
    await await_no_members(settings)
    source = await describe_source(settings, on_progress)
    # Step 1
    target = await _create_target(source, new_settings, on_progress)
    # Steps 2 and 3
    copying = StateCopy(source, new_settings, on_progress)
    plays = await _copy_state(source, target, copying)
    # Step 4
    n_plays = await copy_plays(source.settings, new_settings, plays, on_progress)
    # Step 5
    await begin_epoch(target, source.ends)
    return Repartitioned(
        partitions=new_settings.topics.partitions,
        topic_prefix=new_settings.topics.prefix,
        group=new_settings.application.group,
        records=copying.records,
        hashes=copying.hashes,
        strays=copying.n_strays,
        plays=n_plays,
    )


async def _create_target(source: Source, new_settings: Settings, on_progress: ProgressCallback) -> Target:
    """Create the new topics, and describe them; no worker uses them before the copy is done."""
    await asyncio.to_thread(create_topics, new_settings)
    await asyncio.to_thread(verify_topics, new_settings)
    target = await describe_target(new_settings, source.epoch + 1, on_progress)
    if not target.is_done:
        await await_no_members(new_settings)
    return target


async def _copy_state(source: Source, target: Target, copying: StateCopy) -> OldPlays:
    """Copy the state, unless an earlier run has; return the plays to copy after it."""
    if target.is_copied:
        return source.later_than(await latest_copied(target.settings))
    # Step 2
    async with Outbox(target.settings.kafka) as outbox:
        await write_marks(target, outbox, target.unfinished)
    # Step 3
    await copying.copy_all()
    return source.waiting(copying.late)


def _check_names(settings: Settings, target: Settings) -> None:
    """Check that every new topic has another name.

    Raises:
        MoveError: One has the same name.
    """
    old, new = topic_names(settings), topic_names(target)
    alike = [name for name in old.__struct_fields__ if getattr(old, name) == getattr(new, name)]
    if alike:
        message = (
            f"The new topic {getattr(new, alike[0])} has the name of the old one, which is never changed: "
            "give another --prefix and another --group."
        )
        raise MoveError(message)
