"""Commit groups of slices, without Kafka."""

# ruff: noqa: SLF001  what is overridden of Faust is private

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

from streams.consumer.groups import acknowledge, take_group
from streams.consumer.slices import Slice
from tests.streams.consumer.made_up_fetches import (
    GENERATION_ID,
    SLICE_MAX,
    unreadable,
)
from tests.support.wait import wait_idle


class Message:
    """A message of Faust's with a slice in it."""

    def __init__(self, partition: int, records: Sequence[int], generation_id: int = GENERATION_ID) -> None:
        """Hold records."""
        self.topic, self.partition, self.value, self.generation_id = "plays", partition, records, generation_id
        self.tracked = False
        self.acked_by: object = None

    def ack(self, consumer: object) -> None:
        """Take note."""
        self.acked_by = consumer


class Waiting:
    """As much of a Faust app as a group is taken from."""

    def __init__(self, *messages: Message) -> None:
        """Queue messages."""
        self.queue: asyncio.Queue[Slice] = asyncio.Queue()
        for message in messages:
            self.put(message)
        self.taken: list[int] = []
        self.consumer = SimpleNamespace(
            slices=self.queue, _unacked_messages=set(), taken=self.taken.append, flow_active=True
        )
        self.consumer_generation_id = GENERATION_ID
        self.slice_plays_max = SLICE_MAX

    def put(self, message: Message) -> None:
        """Queue one more."""
        self.queue.put_nowait(Slice("plays", message.partition, cast(Any, message.value), cast(Any, message)))


async def take(app: Waiting, plays_max: int, turn: asyncio.Lock | None = None) -> list[Slice]:
    """Take a group."""
    async with take_group(app, plays_max, turn or asyncio.Lock()) as group:
        return group


def taken(group: Sequence[Slice]) -> list[tuple[int, list[Any]]]:
    """Return partition and records of every slice."""
    return [(part.partition, list(part.records)) for part in group]


async def test_a_group_is_everything_that_waits() -> None:
    """Of all partitions, in the order in which it came."""
    app = Waiting(Message(0, [1]), Message(3, [5, 6]), Message(0, [2]))

    assert [(0, [1]), (3, [5, 6]), (0, [2])] == taken(await take(app, 100))
    assert [1, 2, 1] == app.taken
    assert app.queue.empty()


async def test_a_group_waits_for_its_first_slice() -> None:
    """An idle worker does nothing, and a lone play is taken at once."""
    app = Waiting()
    taking = asyncio.create_task(take(app, 100))
    await wait_idle()
    assert not taking.done()

    app.put(Message(1, [7]))

    assert [(1, [7])] == taken(await taking)


async def test_a_group_is_bounded() -> None:
    """As long as a full slice still fits it takes one more; the rest waits for the next group."""
    app = Waiting(*(Message(0, range(SLICE_MAX)) for _ in range(5)))

    sizes = [len(await take(app, plays_max)) for plays_max in (25, 5, 20)]

    assert [2, 1, 2] == sizes


async def test_a_batch_that_does_not_decode_fills_a_group() -> None:
    """Each of its offsets counts, as if it were a play."""
    messages = [Message(0, cast(Any, [unreadable(first, first + SLICE_MAX - 1)])) for first in (0, 10, 20)]
    app = Waiting(*messages)

    sizes = [len(await take(app, plays_max)) for plays_max in (15, 15)]

    assert [1, 1] == sizes
    assert [SLICE_MAX] * 2 == app.taken


async def test_slices_of_an_earlier_assignment_are_left_out() -> None:
    """The partition's present owner, maybe this worker again, gets them delivered anew."""
    app = Waiting(Message(0, [1], GENERATION_ID - 1), Message(1, [2]), Message(0, [3], GENERATION_ID - 1))

    assert [(1, [2])] == taken(await take(app, 100))
    assert [1, 1, 1] == app.taken
    assert {(2,)} == {tuple(message.value) for message in app.consumer._unacked_messages}


async def test_acknowledging_tells_faust() -> None:
    """Each slice of the group, and no other."""
    messages = [Message(0, [1]), Message(1, [2])]
    app = Waiting(*messages)
    group = await take(app, 100)
    assert all(message.tracked for message in messages)

    acknowledge(group[:1], app.consumer)

    assert [app.consumer, None] == [message.acked_by for message in messages]


async def test_what_comes_before_the_turn_is_in_the_group() -> None:
    """It does not wait for the next group; a slice that comes in the turn does."""
    app, turn = Waiting(Message(0, [1])), asyncio.Lock()
    await turn.acquire()

    async def take_in_turn() -> list[Slice]:
        async with take_group(app, 100, turn) as group:
            app.put(Message(2, [3]))
            assert turn.locked()
            return group

    taking = asyncio.create_task(take_in_turn())
    await wait_idle()
    app.put(Message(1, [2]))
    assert not taking.done()
    turn.release()

    assert [(0, [1]), (1, [2])] == taken(await taking)
    assert not turn.locked()
    assert 1 == app.queue.qsize()


async def test_a_slice_that_a_rebalance_takes_away_before_the_turn_is_dropped() -> None:
    """The turn is given back while the group waits for another one."""
    app, turn = Waiting(Message(0, [1])), asyncio.Lock()
    async with turn:
        taking = asyncio.create_task(take(app, 100, turn))
        await wait_idle()
        app.consumer_generation_id += 1
    await wait_idle()
    assert not turn.locked()
    assert not taking.done()

    app.put(Message(0, [1], GENERATION_ID + 1))

    assert [(0, [1])] == taken(await taking)


async def test_what_a_rebalance_is_about_to_take_away_is_dropped() -> None:
    """It is delivered again to the partition's next owner, so no group is begun with it."""
    app = Waiting(Message(0, [1]))
    app.consumer.flow_active = False
    taking = asyncio.create_task(take(app, 100))
    await wait_idle()
    assert not taking.done()

    app.consumer.flow_active = True
    app.put(Message(0, [2]))

    assert [(0, [2])] == taken(await taking)
