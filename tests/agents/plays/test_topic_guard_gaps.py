"""Offsets that are missing between two groups."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from agents.plays import lost_plays
from state.users.topic_rules import TopicChangedError
from streams.consumer.slices import Slice
from tests.agents.plays.guarded_topics import NAMES, Scene
from tests.support.deliveries import slice_of


async def test_a_group_that_goes_back_is_compared_with_the_end(guarded: Scene) -> None:
    """A redelivery is fine; a topic that ends before delivered plays lost records."""
    await guarded.admit(10, 40)
    await guarded.admit(10, 5)
    guarded.cluster.ends[NAMES.plays] = 30

    await guarded.admit(50)
    with pytest.raises(TopicChangedError, match=r"ends at offset 30 in partition 0, but its plays up to offset 50 "):
        await guarded.admit(20)


async def test_offsets_without_a_gap_ask_kafka_nothing(guarded: Scene) -> None:
    """Slices of one partition follow each other."""
    await guarded.admit(10)
    before = guarded.cluster.n_asked

    await guarded.guard.admit([guarded.slice(11, 3), guarded.slice(14, 2)], guarded.write)

    assert before == guarded.cluster.n_asked


async def test_control_records_are_admitted(guarded: Scene) -> None:
    """A slice without records has the offset of its message; the next play directly behind it is no gap."""
    await guarded.admit(10)
    marker = Slice(NAMES.plays, 0, (), cast(Any, SimpleNamespace(offset=12)), "plays-id")

    await guarded.guard.admit([marker], guarded.write)
    before = guarded.cluster.n_asked
    await guarded.admit(13)

    assert before == guarded.cluster.n_asked


async def test_a_marker_behind_plays_is_no_gap(guarded: Scene) -> None:
    """A slice ends at the control records behind its last play, so the next play follows directly."""
    await guarded.admit(10)
    records, end = slice_of(0, 11, (b"k", b"{}")).records, cast(Any, SimpleNamespace(offset=12))
    before = guarded.cluster.n_asked

    await guarded.guard.admit([Slice(NAMES.plays, 0, records, end, "plays-id")], guarded.write)
    await guarded.admit(13)

    assert before == guarded.cluster.n_asked


async def test_a_gap_is_counted_if_kafka_deleted_it(guarded: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Offsets of transaction markers are missing as well, and are no loss."""

    async def arrival(*_: object) -> int:
        return 1_700_000_000_000

    monkeypatch.setattr(lost_plays, "arrival_of", arrival)
    await guarded.admit(10)
    await guarded.admit(12)
    assert {} == guarded.guard.lost
    guarded.cluster.starts[NAMES.plays] = 30

    await guarded.admit(30)

    assert {0: 17} == guarded.guard.lost


async def test_plays_deleted_after_their_delivery_are_not_lost(guarded: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A short retention may have deleted the delivered ones behind the gap by now."""

    async def arrival(*_: object) -> int:
        return 1_700_000_000_000

    monkeypatch.setattr(lost_plays, "arrival_of", arrival)
    await guarded.admit(10)
    guarded.cluster.starts[NAMES.plays] = 40

    await guarded.admit(30)

    assert {0: 30 - 11} == guarded.guard.lost
