"""Commit groups: the slices of plays that wait, taken together."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from streams.consumer.slices import Slice


@asynccontextmanager
async def take_group(app: Any, plays_max: int, turn: asyncio.Lock) -> AsyncIterator[list[Slice]]:
    """Wait for a slice and for the lock `turn`, then take all queued slices, up to `plays_max` plays: a commit group.

    Groups are small at low load, for latency, and large at high load, for throughput. Slices that arrive while the lock
    is held by others are part of the group.
    """
    while True:
        first = await app.consumer.slices.get()
        async with turn:
            group = _take(app, first, plays_max)
            if group:
                yield group
                return


def _take(app: Any, first: Slice, plays_max: int) -> list[Slice]:
    """Take a slice and the slices queued behind it.

    A slice of an earlier assignment, or of a partition that a rebalance is revoking, is dropped. Kafka delivers it
    again to the next owner.
    """
    consumer, part = app.consumer, first
    group: list[Slice] = []
    room = plays_max
    while True:
        consumer.taken(part.n_plays)
        if consumer.flow_active and part.message.generation_id == app.consumer_generation_id:
            part.message.tracked = True  # in a rebalance Faust waits until tracked messages are acknowledged
            consumer._unacked_messages.add(part.message)  # noqa: SLF001
            group.append(part)
            room -= part.n_plays
        if consumer.slices.empty() or (group and room < app.slice_plays_max):
            return group
        part = consumer.slices.get_nowait()


def acknowledge(group: Sequence[Slice], consumer: Any) -> None:
    """Acknowledge a group whose state is durable, so that Faust may commit its offsets."""
    for part in group:
        part.message.ack(consumer)
