"""A sweep on a real Kafka: killed half-way and resumed."""

import asyncio
from typing import Any

import numpy as np

from cli.processes import WorkerProcess
from state.keys import generation_key
from state.users.record_bytes import generation_key_of
from streams.readers.lag import lag_of
from streams.settings import Settings, override
from streams.topics.topics import TopicNames, topic_names
from tests.support.changelog import read_history
from tests.support.made_up import made_up_factors, publish
from tests.support.plays import play_record
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


def test_a_sweep_that_is_killed_goes_on_where_it_was(settings: Settings, names: TopicNames) -> None:
    """The next start refolds the users that were left, and no others; then every list names the new generation."""
    assert names.plays == topic_names(settings).plays
    rng = np.random.default_rng(1)
    slow = override(settings, factors=FACTORS, list_n=10, sweep_users=GROUP, rank="exact")
    publish(slow, made_up_factors(ITEMS, FACTORS, rng))
    with worker(slow) as process:
        send(slow, [play_record(f"u{number}", f"i{number % ITEMS}") for number in range(USERS)])
        block_until(lambda: asyncio.run(n_waiting(slow)) == 0, 20)  # else plays would be delivered again, too
        assert USERS == len(lists(slow))
        second = publish(slow, made_up_factors(ITEMS, FACTORS, rng))
        block_until(lambda: len(swept(process, second)) > 0, 20)

        process.kill()

        done = folded_under(slow, second)
        assert 0 < done < USERS
        process.start()
        block_until(lambda: len(swept(process, second)) == slow.topics.partitions, 20)
        left = sum(event["users"] for event in swept(process, second))
        # What was on its way to Kafka when the first one died, one group at most, may be written after the look.
        assert USERS - done - GROUP <= left <= USERS - done
    assert {second: USERS} == count([a_list.generation for a_list in lists(slow).values()])
    assert USERS == folded_under(slow, second)


def count(names: list[str]) -> dict[str, int]:
    """Return how often each name occurs."""
    return {name: names.count(name) for name in set(names)}
