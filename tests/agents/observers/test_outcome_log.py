"""The outcomes of single events."""

import json
from pathlib import Path

import pytest

from agents.group_context import GroupContext
from agents.observers import outcome_log
from agents.observers.outcome_log import OutcomeLog
from agents.plays.decode import read_group
from agents.plays.fold import Folder
from state.lists.build import ListBuilder
from state.lists.popularity import TrainedPopularity
from state.lists.ranker import Ranker
from state.users.partition import PartitionState
from streams.consumer.slices import Slice
from streams.messages.pulse import OutcomeSpan
from tests.support.deliveries import NOW_MS, make_durable, played, slice_of
from tests.support.settings import settings_with

SETTINGS = settings_with(user_signals_per_day_max=2)


class Scene:
    """Two partitions without a generation, and the outcomes of folded events."""

    def __init__(self, folder: Path) -> None:
        """Prepare."""
        self.log = OutcomeLog()
        self.states = {number: PartitionState(folder / str(number)) for number in (0, 1)}
        lists = ListBuilder(SETTINGS, Ranker(SETTINGS.ranking), TrainedPopularity())
        self.folder = Folder(SETTINGS, lists, [], self.log)

    def fold(self, *slices: Slice) -> None:
        """Fold slices and make them durable."""
        group = read_group(slices, SETTINGS)
        make_durable(self.folder.fold(group, GroupContext(self.states, None, NOW_MS)), self.states)

    def outcomes(self) -> list[OutcomeSpan]:
        """Return the outcomes of both partitions that were not taken yet."""
        self.log.confirm({0, 1})
        return self.log.take()


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Give a scene."""
    return Scene(tmp_path)


def wish(kind: str, user: str) -> tuple[bytes, bytes]:
    """Return a request."""
    return user.encode(), json.dumps({"type": kind, "user_id": user}).encode()


def test_every_record_has_an_outcome_in_the_order_of_offsets(scene: Scene) -> None:
    """Of any listener and any kind."""
    scene.fold(
        slice_of(
            0, 7,
            played("ann", "i1"), played("ben", "i1"), played("ann", "i2"), played("ann", "i3"),
            (b"ann", b"no play"), played("ann", "s", private=True), played("ann", "i1", ms_played=0),
            (b"cem", json.dumps({"type": "shown", "user_id": "cem", "item_ids": ["i"]}).encode()),
            played("cem", "i1"), wish("forget", "cem"), wish("pause", "cem"), played("cem", "i1"),
        ),
        slice_of(1, 3, played("dora", "i1", play_id="x"), played("dora", "i1", play_id="x")),
    )  # fmt: skip

    runs = [
        ("learnt", 3), ("capped", 1), ("rejected", 1), ("private", 1), ("ignored", 2), ("forgotten", 1),
        ("wished", 2), ("paused", 1),
    ]  # fmt: skip
    first = OutcomeSpan.of(0, 7, runs)
    assert [first, OutcomeSpan.of(1, 3, [("learnt", 1), ("retried", 1)])] == scene.outcomes()
    assert [] == scene.outcomes()


def test_a_redelivered_event_says_so(scene: Scene) -> None:
    """The reader keeps the first outcome."""
    for _ in range(2):
        scene.fold(slice_of(0, 7, played("ann", "i1")))
        spans = scene.outcomes()

    assert [OutcomeSpan.of(0, 7, [("redelivered", 1)])] == spans


def test_offsets_without_a_record_divide_spans(scene: Scene) -> None:
    """Transactions leave such gaps."""
    scene.fold(slice_of(0, 7, played("ann", "i1")), slice_of(0, 9, played("ben", "i1")))

    assert [(7, [("learnt", 1)]), (9, [("learnt", 1)])] == [
        (span.first, list(zip(span.outcomes, span.counts, strict=True))) for span in scene.outcomes()
    ]


def test_what_is_not_durable_is_not_reported(scene: Scene) -> None:
    """Another worker folds it again, and reports then."""
    scene.fold(slice_of(0, 7, played("ann", "i1")), slice_of(1, 7, played("ben", "i1")))
    scene.log.confirm({1})
    scene.log.confirm({0})

    assert [1] == [span.partition for span in scene.log.take()]


def test_reports_that_nobody_takes_are_bounded(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest go first, and are counted."""
    monkeypatch.setattr(outcome_log, "RUNS_MAX", 2)
    for offset in range(3):
        scene.fold(slice_of(0, 2 * offset, played("ann", "i1")))
        scene.log.confirm({0})

    assert [2, 4] == [span.first for span in scene.log.take()]
    assert 1 == scene.log.n_dropped


def test_groups_that_no_pulse_takes_are_bounded(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest go first, and are counted."""
    monkeypatch.setattr(outcome_log, "EVENTS_MAX", 2)
    for offset in range(3):
        scene.fold(slice_of(0, offset, played("ann", "i1")))
        scene.log.confirm({0})

    assert [1] == [span.first for span in scene.log.take()]
    assert 1 == scene.log.n_dropped


def test_a_long_span_is_divided_between_pulses(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pulse has to fit into a record of Kafka."""
    monkeypatch.setattr(outcome_log, "PULSE_RUNS_MAX", 2)
    scene.fold(slice_of(0, 7, played("ann", "i1"), (b"x", b"no play"), played("ben", "i1")))
    scene.log.confirm({0})

    assert [OutcomeSpan.of(0, 7, [("learnt", 1), ("rejected", 1)])] == scene.log.take()
    assert [OutcomeSpan.of(0, 9, [("learnt", 1)])] == scene.log.take()


def test_consecutive_groups_are_one_span(scene: Scene) -> None:
    """So a pulse has a few numbers for thousands of groups."""
    for offset in range(5):
        scene.fold(slice_of(0, offset, played(f"u{offset}", "i1")))
        scene.log.confirm({0})
    scene.fold(slice_of(0, 5, (b"x", b"no play"), played("ben", "i1")))

    assert [OutcomeSpan.of(0, 0, [("learnt", 5), ("rejected", 1), ("learnt", 1)])] == scene.outcomes()


def test_a_pulse_has_room_for_so_many_runs(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are in the next one."""
    monkeypatch.setattr(outcome_log, "PULSE_RUNS_MAX", 2)
    for offset in range(3):
        scene.fold(slice_of(0, 2 * offset, played("ann", "i1")))
        scene.log.confirm({0})

    assert [0, 2] == [span.first for span in scene.log.take()]
    assert [4] == [span.first for span in scene.log.take()]
