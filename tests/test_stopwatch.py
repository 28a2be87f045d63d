"""Plays and lists that a stopwatch is told of."""

import pytest

from streams.settings import Settings
from tests.benchmarks.stopwatch import Stopwatch


def watched(*sent_s: float, answered_s: float) -> Stopwatch:
    """Return a stopwatch of one listener's plays, whose one list reflects the last of them."""
    watch = Stopwatch(Settings())
    watch.begin()
    for offset, at in enumerate(sent_s):
        watch._sent("ann", offset, at)  # noqa: SLF001
    watch._answered("ann", len(sent_s) - 1, answered_s)  # noqa: SLF001
    return watch


def test_a_play_that_did_not_change_its_list_is_no_slow_one() -> None:
    """Its list is that of the next play, as late as the listener played again."""
    watch = watched(0.0, 4.0, answered_s=4.010)

    assert 1 == watch.n_unchanged
    assert [10.0] == pytest.approx(watch.taken_ms)


def test_two_plays_of_a_slow_group_are_both_slow() -> None:
    """One list may be that of both."""
    watch = watched(0.0, 0.5, answered_s=2.0)

    assert 0 == watch.n_unchanged
    assert [2000.0, 1500.0] == pytest.approx(watch.taken_ms)
