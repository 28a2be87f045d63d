"""Slices and commit groups, without Kafka."""

# ruff: noqa: SLF001  what is overridden of Faust is private

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from faust.types.tuples import TP
from mode import Service

from streams.consumer.faust_app import create_app
from streams.consumer.groups import acknowledge, take_group
from streams.consumer.slices import LeanRecords, Slice, SliceConsumer
from streams.fetch.unreadable_batch import UnreadableBatch
from tests.support.settings import settings_with
from tests.support.wait import wait_idle

GENERATION_ID = 4
SLICE_MAX = 10


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


def unreadable(first: int, last: int) -> UnreadableBatch:
    """Return a batch that does not decode."""
    return UnreadableBatch("plays", 0, first, last, None, "no codec", b"", 0)


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


def records(n: int) -> list[Any]:
    """Return records at the offsets from 100 on."""
    return [SimpleNamespace(offset=100 + number, timestamp=1500, timestamp_type=1) for number in range(n)]


class FetchedConsumer(SliceConsumer):
    """A slice consumer whose fetches are made up."""

    def __init__(
        self, fetched: dict[TP, list[Any]], group_plays_max: int = 4000, read_to: dict[TP, int] | None = None
    ) -> None:
        """Deliver the same fetch whenever it is asked for."""
        app = create_app(settings_with(slice_plays_max=SLICE_MAX, group_plays_max=group_plays_max))
        app.consumer_generation_id = GENERATION_ID
        super().__init__(app.transport, app.topics.on_message, None, None)
        self.n_fetches = 0
        self._fetched, self._active_partitions = fetched, {*fetched, *(read_to or {})}
        self._passes = read_to or {}

    def _new_consumer_thread(self) -> Service:
        return Service()

    def fetched_id(self, topic: str) -> str:
        """Return a made-up id."""
        return f"{topic}-id"

    def _is_changelog_tp(self, tp: TP) -> bool:
        return bool(tp.topic == "changelog")

    async def _wait_next_records(self, timeout: float) -> tuple[dict[TP, list[Any]], set[TP]]:  # noqa: ARG002, ASYNC109
        self.n_fetches += 1
        LeanRecords.read_to.update(self._passes)
        return self._fetched, self._active_partitions


async def delivered(consumer: SliceConsumer) -> list[tuple[TP, int, int, int]]:
    """Return partition, size, offset and generation id of every slice of a fetch, those of a changelog first."""
    messages = [message async for _, message in consumer.getmany(1.0)]
    while not consumer.slices.empty():
        messages.append(consumer.slices.get_nowait().message)
    return [(message.tp, len(message.value), message.offset, message.generation_id) for message in messages]


async def test_a_slice_has_the_id_by_which_its_topic_was_fetched() -> None:
    """So a topic that was made again is noticed whenever the slice is folded."""
    tp = TP("plays", 2)
    consumer = FetchedConsumer({tp: records(3)})

    assert [] == [message async for message in consumer.getmany(1.0)]

    assert "plays-id" == consumer.slices.get_nowait().topic_id


async def test_a_fetch_is_cut_into_slices() -> None:
    """Each carries the offset of its last record, which is committed, and the assignment's id."""
    tp = TP("plays", 2)

    slices = await delivered(FetchedConsumer({tp: records(25)}))

    assert [(tp, 10, 109, GENERATION_ID), (tp, 10, 119, GENERATION_ID), (tp, 5, 124, GENERATION_ID)] == slices


async def test_offsets_behind_the_last_record_belong_to_the_last_slice() -> None:
    """Control records, aborted records and compacted ones have offsets, and no slice of their own."""
    tp = TP("plays", 2)

    slices = await delivered(FetchedConsumer({tp: records(12)}, read_to={tp: 115}))

    assert [(tp, 10, 109, GENERATION_ID), (tp, 2, 114, GENERATION_ID)] == slices


async def test_a_fetch_of_control_records_alone_is_a_slice_without_records() -> None:
    """It waits for its turn behind earlier slices, and moves the committed offset; of a changelog nothing is made."""
    tp, other = TP("plays", 2), TP("changelog", 2)

    slices = await delivered(FetchedConsumer({}, read_to={tp: 7, other: 9}))

    assert [(tp, 0, 6, GENERATION_ID)] == slices


async def test_a_batch_that_does_not_decode_is_a_slice_that_is_counted() -> None:
    """Its last offset is the one to commit."""
    tp = TP("plays", 2)
    consumer = FetchedConsumer({tp: [unreadable(5, 9)]})

    assert [(tp, 1, 9, GENERATION_ID)] == await delivered(consumer)
    assert 5 == consumer.n_unreadable


async def test_batches_that_do_not_decode_wait_like_their_plays() -> None:
    """They count for the bound on waiting plays, and leave it whole when they are taken."""
    tp = TP("plays", 0)
    consumer = FetchedConsumer({tp: [unreadable(100, 124)]}, group_plays_max=10)
    async for _ in consumer.getmany(1.0):
        pass

    assert [] == [message async for message in consumer.getmany(0.01)]
    assert 1 == consumer.n_fetches
    consumer.taken(consumer.slices.get_nowait().n_plays)
    async for _ in consumer.getmany(0.01):
        pass
    assert 2 == consumer.n_fetches


async def test_a_slice_ends_behind_its_control_records() -> None:
    """Its message has their offset, with records before them and without."""
    tp = TP("plays", 2)
    ends = []
    for fetched in ({tp: records(12)}, {}):
        consumer = FetchedConsumer(fetched, read_to={tp: 115})
        async for _ in consumer.getmany(1.0):
            pass
        while not consumer.slices.empty():
            ends.append(consumer.slices.get_nowait().last_offset)

    assert [109, 114, 114] == ends


async def test_a_changelog_is_not_cut() -> None:
    """Recovery takes whole fetches, one WriteBatch each."""
    tp = TP("changelog", 0)

    assert [(tp, 25, 124, GENERATION_ID)] == await delivered(FetchedConsumer({tp: records(25)}))


async def test_partitions_that_are_paused_are_left_out() -> None:
    """They were paused while the fetch waited."""
    paused, active = TP("plays", 0), TP("plays", 1)
    consumer = FetchedConsumer({tp: records(1) for tp in (paused, active)})
    consumer._active_partitions = {active}

    assert [active] == [part[0] for part in await delivered(consumer)]


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


async def test_a_rebalance_ends_the_delivery() -> None:
    """Records that were fetched under an earlier assignment are not delivered under the next."""
    consumer = FetchedConsumer({TP("changelog", number): records(25) for number in range(2)})
    messages = []

    async for tp, _ in consumer.getmany(1.0):
        messages.append(tp.partition)
        consumer.app.consumer_generation_id += 1

    assert [0] == messages


@pytest.mark.parametrize(("acked", "expected"), [([], None), ([109], 110), ([119, 109, 124], 125)])
async def test_the_offset_to_commit_stands_behind_the_last_slice(acked: list[int], expected: int | None) -> None:
    """The offsets below a slice's own are the slice, not a gap; once told it is not told again."""
    tp, consumer = TP("plays", 0), FetchedConsumer({})
    consumer._acked[tp], consumer._acked_index[tp] = list(acked), set(acked)

    assert expected == consumer._new_offset(tp)
    assert consumer._new_offset(tp) is None


async def test_no_more_is_fetched_while_enough_plays_wait() -> None:
    """The queue is bounded in plays, for slices of any size; as soon as some are taken a fetch begins."""
    consumer = FetchedConsumer({TP("plays", 0): records(25)}, group_plays_max=10)
    assert 3 == len(await delivered(consumer))

    assert [] == [message async for message in consumer.getmany(0.01)]
    assert 1 == consumer.n_fetches
    loop = asyncio.get_running_loop()
    loop.call_later(0.02, consumer.taken, 10)
    before = loop.time()
    assert 3 == len(await delivered(consumer))

    assert 2 == consumer.n_fetches
    assert loop.time() - before < 0.5


async def test_a_changelog_does_not_wait_for_plays() -> None:
    """Recovery takes every fetch."""
    consumer = FetchedConsumer({TP("changelog", 0): records(25)}, group_plays_max=10)

    assert [1, 1, 1] == [len(await delivered(consumer)) for _ in range(3)]


def test_an_app_delivers_slices() -> None:
    """Through the transport of this module."""
    app = create_app(settings_with(slice_plays_max=123))

    assert SliceConsumer == app._new_transport().Consumer
    assert 123 == app.slice_plays_max
