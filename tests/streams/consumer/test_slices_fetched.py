"""Fetches that are cut into slices, without Kafka."""

# ruff: noqa: SLF001  what is overridden of Faust is private

import asyncio

import pytest
from faust.types.tuples import TP

from streams.consumer.faust_app import create_app
from streams.consumer.slices import SliceConsumer
from tests.streams.consumer.made_up_fetches import (
    GENERATION_ID,
    FetchedConsumer,
    delivered,
    records,
    unreadable,
)
from tests.support.settings import settings_with


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
