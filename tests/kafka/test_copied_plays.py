"""Copies of waiting plays: each once, however often a move is repeated."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import pytest

from jobs.progress import no_progress
from jobs.topics import target as target_module
from jobs.topics.errors import MoveError
from jobs.topics.plays_copy import SOURCE
from jobs.topics.rebase import describe_topics, rebase
from jobs.topics.repartition import repartition
from state.users.plays_epoch import UNFINISHED
from streams.outbox import Outbox
from streams.partitioning import partition_of_bytes
from streams.readers.log_reader import read_topic
from streams.settings import Settings, override
from streams.topics.admin import create_topics, delete_topics
from streams.topics.topics import topic_names
from tests.kafka.deaths import Deaths, DiedError
from tests.kafka.made_state import (
    USERS,
    apply_all,
    committed_of,
    log_of,
    marks_of,
    plays_of,
    send_round,
    waiting_of,
)
from tests.kafka.moves import each, target_of
from tests.support.topics import remake


@pytest.fixture
def small(settings: Settings) -> Settings:
    """Give topics of two partitions."""
    made = override(settings, partitions=2, session_timeout_s=6)
    create_topics(made)
    return made


class Moved(NamedTuple):
    """A move to some partitions."""

    old: Settings
    new: Settings


@pytest.fixture
def moved(small: Settings) -> Iterator[Moved]:
    """Give old and new settings; delete the new topics."""
    new = target_of(small, "new")
    yield Moved(small, new)
    delete_topics(new)


async def test_a_copy_of_a_copy_has_all_waiting_plays(moved: Moved) -> None:
    """Copied plays and later ones: the places of the first topic are none of the second one."""
    old, new = moved
    await send_round(old, 0)
    await apply_all(old)
    for number in range(1, 4):
        await send_round(old, number)
    await repartition(old, new, no_progress)
    await send_round(new, 4)
    newest = target_of(old, "newest", 5)
    try:
        done = await repartition(new, newest, no_progress)

        waiting = await waiting_of(newest)
        plays = await log_of(newest, topic_names(newest).plays)
        headers = [
            len(record.headers)
            async for _, records in read_topic(newest.kafka, topic_names(newest).plays, 10)
            for record in records
        ]
    finally:
        delete_topics(newest)
    assert 4 * len(USERS) == done.plays
    assert each("i1", "i2", "i3", "i4") == waiting
    assert {1} == set(headers)
    assert 2 == max(int((play.source or b"").split(b":")[1]) for play in plays)


async def test_a_killed_copy_goes_on_in_each_new_partition_where_it_was(
    moved: Moved, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One partition has all of its copies, one has the first of them, and one has none."""
    old, new = moved
    await send_round(old, 0)
    await apply_all(old)
    await send_round(old, 1)
    await send_round(old, 2)
    with monkeypatch.context() as patches:
        patches.setattr(Outbox, "send_headed", died)
        with pytest.raises(DiedError):
            await repartition(old, new, no_progress)
    n_copies = await copy_some(old, new, {0: None, 1: 1})

    done = await repartition(old, new, no_progress)

    plays = await log_of(new, topic_names(new).plays)
    assert 4 + 1 == n_copies
    assert 2 * len(USERS) == done.plays == len({play.source for play in plays})
    assert each("i1", "i2") == await waiting_of(new)


async def copy_some(old: Settings, new: Settings, limits: Mapping[int, int | None]) -> int:
    """Copy waiting plays to some of the new partitions, up to a limit for each, and return their number."""
    plays, n_partitions = topic_names(old).plays, new.topics.partitions
    plays_id, committed = (await describe_topics(old)).plays.topic_id, await committed_of(old)
    waiting = [play for play in sorted(await log_of(old, plays)) if play.offset >= (committed[play.partition] or 0)]
    n_copies = 0
    async with Outbox(new.kafka) as outbox:
        for to, limit in limits.items():
            for play in [one for one in waiting if partition_of_bytes(one.key, n_partitions) == to][:limit]:
                place = (SOURCE, f"{plays_id}:{play.partition}:{play.offset}".encode())
                sent = await outbox.send_headed(topic_names(new).plays, to, (play.key, play.value), [place])
                await sent.written()
                n_copies += 1
    return n_copies


async def test_plays_of_the_way_back_are_copied(moved: Moved) -> None:
    """Old workers went on after the copy and committed their plays, which the new topics lack."""
    old, new = moved
    await send_round(old, 0)
    await apply_all(old)
    await send_round(old, 1)
    await repartition(old, new, no_progress)
    await send_round(old, 2)
    await apply_all(old)
    await send_round(old, 3)

    done = await repartition(old, new, no_progress)

    assert 2 * len(USERS) == done.plays
    assert each("i1", "i2", "i3") == await waiting_of(new)
    assert dict.fromkeys(USERS, 1) == await plays_of(new)
    assert 0 == (await repartition(old, new, no_progress)).plays


async def test_plays_that_would_count_twice_are_an_error(moved: Moved, monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed run copied plays, and old workers have applied them before the next run copies their state."""
    old, new = moved
    await send_round(old, 0)
    await apply_all(old)
    await send_round(old, 1)
    deaths = Deaths(monkeypatch, target_module)
    monkeypatch.setattr(target_module, "commit_offsets", died)
    with pytest.raises(DiedError):
        await repartition(old, new, no_progress)
    monkeypatch.undo()
    await apply_all(old)

    with pytest.raises(MoveError, match=rf"^{len(USERS)} plays of .*plays are on .*, but 0 of them wait: workers have"):
        await repartition(old, new, no_progress)

    assert deaths.n
    assert {UNFINISHED} == {mark.topic_id for mark in (await marks_of(new)).values()}


async def died(*_: object) -> None:
    """Die."""
    raise DiedError


async def make_two_states(moved: Moved) -> Moved:
    """Have workers learn plays on the old topics, and other plays on the new ones."""
    old, new = moved
    await send_round(old, 0)
    await apply_all(old)
    create_topics(new)
    await send_round(new, 7)
    await apply_all(new)
    return moved


async def test_topics_of_another_state_are_left_alone(moved: Moved) -> None:
    """A worker that began on the new topics has made a state of its own."""
    old, new = await make_two_states(moved)
    before = sorted(await log_of(new, topic_names(new).users_changelog))

    with pytest.raises(MoveError, match=r"-users-changelog belongs to another state than the one to copy: it is in ep"):
        await repartition(old, new, no_progress)

    assert before == sorted(await log_of(new, topic_names(new).users_changelog))


async def test_topics_with_records_are_left_alone(moved: Moved) -> None:
    """Topics of another group under the same prefix: their catalog or lists would get tombstones."""
    old, new = await make_two_states(moved)
    beside = override(new, group=f"{new.application.group}-beside")
    try:
        with pytest.raises(MoveError, match=r"generations has about 1 records, and no run of this command began to co"):
            await repartition(old, beside, no_progress)
    finally:
        delete_topics(beside)


async def test_another_epoch_of_the_old_state_is_another_state(moved: Moved) -> None:
    """The copy belongs to the state before a rebase of the old topics."""
    old, new = moved
    await send_round(old, 0)
    await apply_all(old)
    await repartition(old, new, no_progress)
    await rebase(old, "end", no_progress, force=True)

    with pytest.raises(MoveError, match="belongs to another state"):
        await repartition(old, new, no_progress)


async def test_a_lost_record_of_copied_plays_is_an_error(moved: Moved) -> None:
    """Without it, plays that workers have applied since cannot be told from those that are copied."""
    old, new = moved
    await send_round(old, 0)
    await apply_all(old)
    await repartition(old, new, no_progress)
    remake(new, topic_names(new).generations)

    with pytest.raises(MoveError, match=r"does not say which plays were copied: it lost the record of the last run"):
        await repartition(old, new, no_progress)
