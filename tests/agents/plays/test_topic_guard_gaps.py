"""Offsets that are missing between two groups."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from agents.plays import lost_plays
from state.users.topic_rules import TopicChangedError
from streams.consumer.slices import Slice
from tests.agents.plays.guarded_topics import NAMES, Scene
from tests.support.deliveries import slice_of


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """Give the scene."""
    made = Scene(tmp_path, monkeypatch)
    yield made
    made.state.close()


async def test_a_group_that_goes_back_is_compared_with_the_end(scene: Scene) -> None:
    """A redelivery is fine; a topic that ends before delivered plays lost records."""
    await scene.admit(10, 40)
    await scene.admit(10, 5)
    scene.cluster.ends[NAMES.plays] = 30

    await scene.admit(50)
    with pytest.raises(TopicChangedError, match=r"ends at offset 30 in partition 0, but its plays up to offset 50 "):
        await scene.admit(20)


async def test_offsets_without_a_gap_ask_kafka_nothing(scene: Scene) -> None:
    """Slices of one partition follow each other."""
    await scene.admit(10)
    before = scene.cluster.n_asked

    await scene.guard.admit([scene.slice(11, 3), scene.slice(14, 2)], scene.write)

    assert before == scene.cluster.n_asked


async def test_control_records_are_admitted(scene: Scene) -> None:
    """A slice without records has the offset of its message; the next play directly behind it is no gap."""
    await scene.admit(10)
    marker = Slice(NAMES.plays, 0, (), cast(Any, SimpleNamespace(offset=12)), "plays-id")

    await scene.guard.admit([marker], scene.write)
    before = scene.cluster.n_asked
    await scene.admit(13)

    assert before == scene.cluster.n_asked


async def test_a_marker_behind_plays_is_no_gap(scene: Scene) -> None:
    """A slice ends at the control records behind its last play, so the next play follows directly."""
    await scene.admit(10)
    records, end = slice_of(0, 11, (b"k", b"{}")).records, cast(Any, SimpleNamespace(offset=12))
    before = scene.cluster.n_asked

    await scene.guard.admit([Slice(NAMES.plays, 0, records, end, "plays-id")], scene.write)
    await scene.admit(13)

    assert before == scene.cluster.n_asked


async def test_a_gap_is_counted_if_kafka_deleted_it(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Offsets of transaction markers are missing as well, and are no loss."""

    async def arrival(*_: object) -> int:
        return 1_700_000_000_000

    monkeypatch.setattr(lost_plays, "arrival_of", arrival)
    await scene.admit(10)
    await scene.admit(12)
    assert {} == scene.guard.lost
    scene.cluster.starts[NAMES.plays] = 30

    await scene.admit(30)

    assert {0: 17} == scene.guard.lost


async def test_plays_deleted_after_their_delivery_are_not_lost(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A short retention may have deleted the delivered ones behind the gap by now."""

    async def arrival(*_: object) -> int:
        return 1_700_000_000_000

    monkeypatch.setattr(lost_plays, "arrival_of", arrival)
    await scene.admit(10)
    scene.cluster.starts[NAMES.plays] = 40

    await scene.admit(30)

    assert {0: 30 - 11} == scene.guard.lost
