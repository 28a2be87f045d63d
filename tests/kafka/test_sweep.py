"""A sweep on a real Kafka: killed half-way and resumed."""

import asyncio
from typing import Any

import numpy as np

from cli.processes import WorkerProcess
from state.keys import generation_key
from state.users.record_bytes import generation_key_of, headers_of
from streams.readers.lag import lag_of
from streams.settings import Settings, override
from streams.topics.topics import TopicNames, topic_names
from tests.support.changelog import read_history
from tests.support.made_up import made_up_factors, publish
from tests.support.plays import FIRST_PLAY_MS, play_record
from tests.support.topics import lists, send, worker
from tests.support.wait import block_until

USERS, ITEMS, FACTORS = 2000, 50, 8
GROUP = 10


def swept(process: WorkerProcess, generation_id: str) -> list[dict[str, Any]]:
    """Return the partitions that a worker has swept under a generation since it was started last."""
    ends = [event for event in process.events() if event["event"] == "partition_swept"]
    return [event for event in ends if event["generation"] == generation_id]


def folded_under(settings: Settings, generation_id: str) -> int:
    """Return how many users stand in the changelog under a generation."""
    users = asyncio.run(read_history(settings)).users
    return sum(generation_key_of(value) == generation_key(generation_id) for value in users.values())


async def n_waiting(settings: Settings) -> int:
    """Return how many plays are not committed."""
    async with lag_of(settings) as lag:
        return await lag.plays()


def played_at(number: int) -> int:
    """Return the time of a listener's play, in milliseconds since 1970: no order that their ids or partitions have."""
    return FIRST_PLAY_MS + 1000 * (number * 7919 % USERS)


def test_a_sweep_that_is_killed_goes_on_where_it_was(settings: Settings, names: TopicNames) -> None:
    """The next start refolds the users that were left, and no others; then every list names the new generation.

    Users come in the order of their last play, latest first.
    """
    assert names.plays == topic_names(settings).plays
    rng = np.random.default_rng(1)
    slow = override(settings, factors=FACTORS, list_n=10, sweep_users=GROUP, rank="exact")
    publish(slow, made_up_factors(ITEMS, FACTORS, rng))
    with worker(slow) as process:
        send(slow, [play_record(f"u{number}", f"i{number % ITEMS}", played_at(number)) for number in range(USERS)])
        block_until(lambda: asyncio.run(n_waiting(slow)) == 0, 20)  # else plays would be delivered again, too
        assert USERS == len(lists(slow))
        second = publish(slow, made_up_factors(ITEMS, FACTORS, rng))
        block_until(lambda: folded_under(slow, second) > 0, 20)

        process.kill()

        done = folded_under(slow, second)
        assert 0 < done < USERS
        assert [] == swept(process, second)
        earliest_done, latest_left = bounds(slow, second)
        # Partitions take turns, a group each, so they may differ by a round.
        assert latest_left - earliest_done < 3 * GROUP * slow.topics.partitions
        process.start()
        block_until(lambda: len(swept(process, second)) == slow.topics.partitions, 20)
        left = sum(event["users"] for event in swept(process, second))
        # What was on its way to Kafka when the first one died, one group at most, may be written after the look.
        assert USERS - done - GROUP <= left <= USERS - done
    assert {second: USERS} == count([a_list.generation for a_list in lists(slow).values()])
    assert USERS == folded_under(slow, second)


def test_a_sweep_goes_on_through_a_rebalance(settings: Settings, names: TopicNames) -> None:
    """A worker gets the partitions of another one while it folds groups ahead; no listener is missed."""
    assert names.plays == topic_names(settings).plays
    rng = np.random.default_rng(2)
    slow = override(settings, factors=FACTORS, list_n=10, sweep_users=1, rank="exact", session_timeout_s=6.0)
    publish(slow, made_up_factors(ITEMS, FACTORS, rng))
    with worker(slow) as process, worker(override(slow, instance="second")) as other:
        send(slow, [play_record(f"u{number}", f"i{number % ITEMS}", played_at(number)) for number in range(USERS)])
        block_until(lambda: asyncio.run(n_waiting(slow)) == 0, 20)
        second = publish(slow, made_up_factors(ITEMS, FACTORS, rng))
        block_until(lambda: folded_under(slow, second) > 0, 20)

        other.stop()

        assert 0 < folded_under(slow, second) < USERS
        assert [] == swept(other, second)
        block_until(lambda: folded_under(slow, second) == USERS, 60)
        block_until(lambda: len(swept(process, second)) == slow.topics.partitions, 20)
        assert process.running
        assert 0 == other.child.status
    assert {second: USERS} == count([a_list.generation for a_list in lists(slow).values()])


def bounds(settings: Settings, generation_id: str) -> tuple[int, int]:
    """Return the earliest last play of a user under a generation, and the latest one of all others, in seconds."""
    values = list(asyncio.run(read_history(settings)).users.values())
    headers = headers_of(values)
    under = headers["generation_key"] == generation_key(generation_id)
    played = headers["last_played_s"].astype(np.int64)
    return int(played[under].min()), int(played[~under].max())


def count(names: list[str]) -> dict[str, int]:
    """Return how often each name occurs."""
    return {name: names.count(name) for name in set(names)}
