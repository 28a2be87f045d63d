"""The plays scored last, and the figures of their lists."""

import numpy as np
import pytest

from agents.observers.quality_window import (
    ENTRY,
    OLDER,
    WINDOW,
    Entries,
    QualityWindow,
    by_generation,
    by_history,
    compared,
)
from model.evaluation.rank_metrics import hit_rate, mean_reciprocal_rank


def entries_of(own: list[int], popular: list[int] | None = None, history: list[int] | None = None) -> Entries:
    """Return scored plays."""
    entries = np.zeros(len(own), ENTRY)
    entries["own"], entries["popular"] = own, popular or own
    entries["history"] = history or 0
    return entries


def test_the_latest_plays_are_remembered() -> None:
    """However many come at a time."""
    window, ranks = QualityWindow(), np.random.default_rng(0).integers(0, 51, 3 * WINDOW)
    at = 0
    for n in (1, 7, WINDOW - 3, 100, WINDOW + 5, 40):
        window.add(entries_of(ranks[at : at + n].tolist()))
        at += n
        held = window.entries["own"]
        assert sorted(ranks[max(0, at - WINDOW) : at].tolist()) == sorted(held.tolist())


def test_figures_are_those_of_an_evaluation() -> None:
    """With its intervals: Wilson's for hit rates."""
    ranks = [1, 10, 11, 50, 0, 0, 3]

    quality = compared(entries_of(ranks, [0] * 6 + [2]))

    assert quality is not None
    assert len(ranks) == quality.plays
    figures = quality.own
    assert hit_rate(ranks, 10, 50) == (figures.hit_at_10.value, figures.hit_at_10.low, figures.hit_at_10.high)
    assert hit_rate(ranks, 50, 50) == (figures.hit_at_50.value, figures.hit_at_50.low, figures.hit_at_50.high)
    interval = figures.mrr_at_50.value, figures.mrr_at_50.low, figures.mrr_at_50.high
    assert pytest.approx(mean_reciprocal_rank(ranks, 50, 50)) == interval
    assert 1 / 7 == quality.popular.hit_at_10.value
    assert 0.5 / 7 == pytest.approx(quality.popular.mrr_at_50.value)


def test_figures_by_what_was_known_of_listeners() -> None:
    """Kinds without any play have none."""
    quality = by_history(entries_of([1, 0, 1], history=[0, 0, 2]))

    assert {"new": 0.5, "many": 1.0} == {name: kind.own.hit_at_10.value for name, kind in quality.items()}


def test_figures_by_the_generation_that_made_the_list() -> None:
    """Those without a name are one."""
    entries = entries_of([1, 0, 1, 0])
    entries["generation"] = [2**64 - 1, 2**64 - 1, 5, 6]

    quality = by_generation(entries, {2**64 - 1: "latest", 7: "unused"})

    by_name = {name: (figures.plays, figures.own.hit_at_10.value) for name, figures in quality.items()}
    assert {"latest": (2, 0.5), OLDER: (2, 0.5)} == by_name


def test_no_plays_have_no_figures() -> None:
    """Before the first."""
    assert compared(QualityWindow().entries) is None
