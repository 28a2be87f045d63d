"""A play changes the state exactly once, through crashes and rebalances of workers."""

import asyncio
import random

import msgspec
import numpy as np
import pytest

from state.keys import MARK, generation_key, item_key
from state.users.record import UserRecord
from streams.outbox import Item
from streams.settings import Settings, override
from streams.topics.admin import create_topics
from streams.topics.topics import TopicNames
from tests.acceptance.chaos import Chaos, load
from tests.acceptance.reference import changelog_records, latest_lists, sequential_records, stale
from tests.support.made_up import made_up_factors, made_up_plays, publish
from tests.support.wait import block_until

USERS, ITEMS, FACTORS = 3_000, 500, 16
KILLS, WIPED_EVERY = 20, 3
PLAYS_MAX, PLAYS_PER_S = 300_000, 2_200
"""Plays are sent until the last kill: about 120,000, more on a slow machine."""


def with_retries(plays: list[Item], dice: random.Random) -> list[Item]:
    """Give every tenth play an id and send it twice, as a client does that saw no acknowledgement."""
    items: list[Item] = []
    for number, (key, value) in enumerate(plays):
        if number % 10 == 0:
            play = msgspec.json.decode(value or b"") | {"play_id": f"p{dice.getrandbits(64)}"}
            items += [(key, msgspec.json.encode(play))] * 2
        else:
            items.append((key, value))
    return items


async def live_through(chaos: Chaos, plays: list[Item]) -> set[Item]:
    """Send plays for as long as the workers suffer, and return the different ones among them."""
    enough = asyncio.Event()
    sending = asyncio.create_task(load(chaos.settings, plays, PLAYS_PER_S, enough))
    for number in range(KILLS // 2):
        await chaos.kill(wipe=number % WIPED_EVERY == 0)
    await chaos.freeze()
    await chaos.join_and_leave()
    for number in range(KILLS // 2, KILLS):
        await chaos.kill(wipe=number % WIPED_EVERY == 0)
    enough.set()
    sent = await sending
    assert len(sent) < len(plays), "All plays were sent before the last kill."
    await chaos.until_idle(60)
    return set(sent)


@pytest.fixture
def crowd(settings: Settings) -> Settings:
    """Give settings under which a frozen worker loses its partitions soon."""
    return override(settings, factors=FACTORS, session_timeout_s=5.0, list_n=20)


def without_vector(record: UserRecord) -> UserRecord:
    """Return the fields of a record that depend on plays alone."""
    return UserRecord(
        record.applied_offset, record.plays, record.last_played_s, history=record.history, play_ids=record.play_ids
    )


@pytest.mark.timeout(300)  # a pace of plays that workers which are killed again and again can keep up with
def test_state_equals_sequential_reference_after_kills_wipes_freeze_and_rebalances(
    crowd: Settings, names: TopicNames
) -> None:
    """Through every failure of workers, each play is in its user's history once, and every list is the state's."""
    assert names.plays
    dice = random.Random(7)
    rng = np.random.default_rng(7)
    publish(crowd, made_up_factors(ITEMS, FACTORS, rng))
    chaos = Chaos(crowd, dice)
    try:
        chaos.start("a")
        chaos.start("b")
        sent = asyncio.run(live_through(chaos, with_retries(made_up_plays(PLAYS_MAX, USERS, ITEMS, rng), dice)))
        block_until(lambda: stale(changelog_records(crowd)) == [], 30)  # what late workers wrote, the sweep mends
    finally:
        chaos.stop()
    expected = sequential_records(crowd)
    latest = changelog_records(crowd)
    records = {key: UserRecord.decode(value) for key, value in latest.winners.items()}
    assert sum(record.plays for record in expected.values()) == len(sent)
    assert {key: without_vector(record) for key, record in expected.items()} == {
        key: without_vector(record) for key, record in records.items()
    }
    assert stale(latest) == []
    assert_lists_are_those_of(records, crowd)
    replayed = replay_into_empty_system(crowd)
    assert {key: record.history for key, record in replayed.items()} == {
        key: record.history for key, record in records.items()
    }
    for key, record in replayed.items():
        np.testing.assert_allclose(record.vector, records[key].vector, rtol=0, atol=1e-4)


def assert_lists_are_those_of(records: dict[bytes, UserRecord], settings: Settings) -> None:
    """See that the list of every user is the one that the user's record tells of, under the generation it names."""
    lists = latest_lists(settings)
    assert set(records) == set(lists)
    for key, recommendations in lists.items():
        assert records[key].generation_key == generation_key(recommendations.generation)
        assert records[key].listed == [item_key(item) & MARK for item in recommendations.items], key


def replay_into_empty_system(settings: Settings) -> dict[bytes, UserRecord]:
    """Let a worker of another group fold the same plays under the same generation, and return its records."""
    other = override(settings, group=f"{settings.application.group}-again", slice_plays_max=700)
    create_topics(other)
    chaos = Chaos(other, random.Random(1))
    try:
        chaos.start("c")
        asyncio.run(chaos.until_idle(60))
    finally:
        chaos.stop()
    return {key: UserRecord.decode(value) for key, value in changelog_records(other).winners.items()}
