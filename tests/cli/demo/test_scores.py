"""The demo's figures, from made-up plays and times."""

import pytest

from cli.demo.scores import HitRates, Latencies, Place, compare_lists, quantile_ms

PAST = [("ann", "x"), ("bob", "x"), ("bob", "y"), ("cat", "y"), ("cat", "z"), ("dan", "x")]


def test_a_hit_counts_for_the_list_that_has_the_item_among_its_first_ten() -> None:
    """The popular list leaves out known items, so `y` is at its top for Ann."""
    rates = HitRates(PAST)

    rates.judge("ann", "y", listed=["q", "y"])
    rates.judge("dan", "z", listed=["q"])
    rates.judge("dan", "new", listed=[*"abcdefghij", "new"])

    assert rates.own is not None
    assert rates.popular is not None
    assert pytest.approx(1 / 3) == rates.own.value
    assert pytest.approx(2 / 3) == rates.popular.value
    assert rates.own.low < 1 / 3 < rates.own.high
    assert rates.n_judged == 3


def test_only_new_items_of_listeners_with_a_list_count() -> None:
    """Repeats, also of an item that was new a moment ago, and listeners without a list are counted apart."""
    rates = HitRates(PAST)

    rates.judge("ann", "x", listed=["x"])
    rates.judge("eve", "x", listed=None)
    rates.judge("eve", "x", listed=["x"])

    assert 0 == rates.n_judged
    assert 2 == rates.n_repeated
    assert 1 == rates.n_without_list
    assert rates.own is None
    assert rates.popular is None


def test_a_latency_runs_from_production_to_the_list_that_reflects_the_play() -> None:
    """Whichever of the two is told first: the list may come before Kafka's acknowledgement."""
    latencies = Latencies()

    latencies.produced(Place(0, 5), 1.0)
    latencies.consumed(Place(0, 5), 1.25)
    latencies.consumed(Place(1, 5), 2.5)
    latencies.produced(Place(1, 5), 2.0)
    latencies.consumed(Place(1, 6), 3.0)

    assert [250.0, 500.0] == latencies.all_ms


def test_old_latencies_leave_the_window() -> None:
    """The view shows the last half minute; the summary has all."""
    latencies = Latencies()
    for at in (1.0, 20.0):
        latencies.produced(Place(0, int(at)), at)
        latencies.consumed(Place(0, int(at)), at + 0.5)

    assert [500.0] == latencies.recent_ms(now=40.0)
    assert [500.0, 500.0] == latencies.all_ms


def test_plays_that_are_never_answered_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unchanged list is not sent again, so the number of waiting plays is bounded."""
    monkeypatch.setattr("cli.demo.scores.WAITING_MAX", 2)
    latencies = Latencies()
    for offset in range(3):
        latencies.produced(Place(0, offset), 1.0)

    for offset in range(3):
        latencies.consumed(Place(0, offset), 2.0)

    assert [1000.0, 1000.0] == latencies.all_ms


def test_a_comparison_tells_what_moved() -> None:
    """The new list best first, then the items that left it."""
    moves = compare_lists(["a", "b", "c", "d"], ["c", "b", "e", "a"], n=3)

    assert [("c", "up 2"), ("b", "same"), ("e", "new"), ("a", "out")] == [(move.item_id, move.said) for move in moves]


def test_a_quantile_of_nothing_is_nothing() -> None:
    """Before the first list there is no latency to show."""
    assert quantile_ms([], 0.5) is None
    assert quantile_ms([1.0, 2.0, 3.0], 0.5) == 2.0
