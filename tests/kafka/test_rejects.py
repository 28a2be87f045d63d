"""Bad input on a real Kafka: nothing stops the stream, nothing is lost."""

import asyncio
import random

import msgspec

from state.users.record import UserRecord
from streams.outbox import Item, Outbox
from streams.settings import Settings, override
from streams.topics.topics import TopicNames, topic_names
from tests.support.changelog import read_history
from tests.support.plays import play_record
from tests.support.topics import rejects, worker
from tests.support.wait import block_until

SMALL, HUGE = 2000, 3


def bad_plays(rng: random.Random) -> list[Item]:
    """Return records that are no plays: random bytes, nothing at all, and as large as the topic takes."""
    small: list[Item] = [(rng.randbytes(4), rng.choice([None, b"", rng.randbytes(50)])) for _ in range(SMALL)]
    return small + [(b"huge", rng.randbytes(1_000_000)) for _ in range(HUGE)]


def test_whatever_comes_arrives_among_the_rejects(settings: Settings, names: TopicNames) -> None:
    """Byte for byte and in order, with their places; the plays between them count."""
    assert names.plays == topic_names(settings).plays
    bad = bad_plays(random.Random(0))
    items = [item for number, wrong in enumerate(bad) for item in (wrong, play_record("ann", f"i{number % 9}"))]

    async def produce() -> None:
        async with Outbox(settings.kafka) as outbox:
            await (await outbox.send(names.plays, 2, items)).written()

    with worker(override(settings, user_signals_per_day_max=0)) as process:
        asyncio.run(produce())
        block_until(lambda: plays_of(settings, b"ann") == len(bad), 20)
        assert process.running

    rejected = rejects(settings)
    assert [(key, value or None) for key, value in bad] == [(a.key, a.value or None) for a in rejected]
    assert [2 * number for number in range(len(bad))] == [a.offset for a in rejected]
    assert {(names.plays, 2)} == {(a.topic, a.partition) for a in rejected}
    assert "the value has 1000000 bytes, more than 4096" == rejected[-1].reason


def plays_of(settings: Settings, user: bytes) -> int:
    """Return how many plays of a user count, as the changelog has them."""
    value = asyncio.run(read_history(settings)).users.get(user)
    return UserRecord.decode(value).plays if value else 0


def test_a_group_of_nothing_but_private_plays_and_rejects_is_acknowledged(
    settings: Settings, names: TopicNames
) -> None:
    """No user is touched, the worker goes on, and nothing private is written anywhere."""
    private = msgspec.json.encode(
        {"user_id": "eve", "item_id": "secret", "played_at_ms": 1_700_000_000_000, "private": True}
    )

    async def produce(*items: Item) -> None:
        async with Outbox(settings.kafka) as outbox:
            await (await outbox.send(names.plays, 0, items)).written()

    with worker(settings) as process:
        asyncio.run(produce((b"eve", private), (b"eve", b"no play"), (b"eve", private)))
        block_until(lambda: len(rejects(settings)) == 1, 10)
        asyncio.run(produce((b"eve", private)))
        asyncio.run(produce(play_record("ann", "i1")))
        block_until(lambda: plays_of(settings, b"ann") == 1, 10)
        assert process.running

    snapshot = asyncio.run(read_history(settings))
    assert {b"ann"} == set(snapshot.users)
    assert {"i1"} == set(snapshot.item_ids.values())
