"""Items that were played close together: the kernel gives the ranks of dictionaries."""

import numpy as np
import pytest

from model.arrays import Starts
from model.evaluation import neighbours
from model.evaluation.event_log import Split, events_of, split_events
from model.evaluation.neighbours import Nearness, neighbour_ranks, neighbour_ranks_plain
from model.evaluation.rank_metrics import MISS, hit_rate
from tests.support.tastes import N_EVENTS, drawn_events

N_TRAINED = N_EVENTS * 7 // 10
NEARNESS = Nearness(window_plays=5.0, half_life_plays=2.0)


@pytest.fixture(scope="module")
def split() -> Split:
    """Cut made-up plays in two."""
    return split_events(drawn_events(), N_TRAINED)


@pytest.mark.parametrize("nearness", [NEARNESS, Nearness(np.inf, 1.0), Nearness(20.0, np.inf)], ids=str)
@pytest.mark.parametrize("width", [None, 3])
def test_the_ranks_are_those_of_dictionaries(split: Split, nearness: Nearness, width: int | None) -> None:
    """With all pairs, and with a few neighbours an item."""
    expected = neighbour_ranks_plain(split, nearness, width)

    assert expected.tolist() == neighbour_ranks(split, nearness, width).tolist()
    assert len(expected) == split.scored.sum()
    assert MISS in expected


def test_a_width_that_nobody_reaches_changes_nothing(split: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists of neighbours give the ranks of the matrix of all pairs, and a larger catalog gets them unasked."""
    expected = neighbour_ranks(split, NEARNESS)
    narrow = neighbour_ranks(split, NEARNESS, 3)
    one_less = neighbour_ranks(split, NEARNESS, split.n_items - 1)
    monkeypatch.setattr(neighbours, "PAIRS_MAX", 0)
    monkeypatch.setattr(neighbours, "WIDTH", 3)

    assert expected.tolist() == one_less.tolist()
    assert narrow.tolist() == neighbour_ranks(split, NEARNESS).tolist()
    assert narrow.tolist() != expected.tolist()


def ranks_by_hand(plays: list[tuple[int, int]], n_trained: int, nearness: Nearness) -> Starts:
    """Rank plays of (listener, item), one a second."""
    users, items = (np.array(column) for column in zip(*plays, strict=True))
    times = np.arange(len(plays), dtype=np.uint32)
    events = events_of(users, items.astype(np.uint64), times)
    return neighbour_ranks(split_events(events, n_trained), nearness)


def test_what_was_played_near_a_listeners_last_play_comes_first() -> None:
    """Item 2 stood beside item 1, item 3 far from it: after item 1 the order is 2, 3, unplayed items."""
    first = [(0, 1), (0, 2), (0, 4), (0, 5), (0, 6), (0, 3), (9, 7)]

    assert [1] == ranks_by_hand([*first, (1, 1), (1, 2)], 7, NEARNESS).tolist()
    assert [5] == ranks_by_hand([*first, (1, 1), (1, 3)], 7, NEARNESS).tolist()
    assert [6] == ranks_by_hand([*first, (1, 1), (1, 7)], 7, NEARNESS).tolist()


def test_without_a_window_all_of_a_history_is_equally_near() -> None:
    """Five items tie and take the middle of their places."""
    plays = [(0, 1), (0, 2), (0, 4), (0, 5), (0, 6), (0, 3), (9, 7), (1, 1), (1, 3)]

    assert [3] == ranks_by_hand(plays, 7, Nearness(np.inf, 2.0)).tolist()


def test_the_last_play_counts_most() -> None:
    """Of two known items the neighbour of the later one comes first."""
    first = [(0, 1), (0, 2), (3, 4), (3, 5), (9, 7)]

    assert [1] == ranks_by_hand([*first, (1, 1), (1, 4), (1, 5)], 5, NEARNESS).tolist()[1:]
    assert [2] == ranks_by_hand([*first, (1, 1), (1, 4), (1, 2)], 5, NEARNESS).tolist()[1:]


def test_a_repeat_brings_nothing_nearer() -> None:
    """Repeated plays of 1 and 2 count as one pair, as a single play of 1 and 3 does; only the plays of 2 grow."""
    plays = [(0, 1), (0, 2), (0, 1), (0, 2), (0, 1), (0, 2), (3, 1), (3, 3), (9, 7)]

    assert [2] == ranks_by_hand([*plays, (1, 1), (1, 2)], 9, NEARNESS).tolist()


def test_a_play_is_learnt_after_it_is_ranked(split: Split) -> None:
    """Later plays change no earlier rank, and learning from the stream improves the hit rate."""
    shorter = split_events(drawn_events().part(slice(N_EVENTS - 100)), N_TRAINED)
    before, part = neighbour_ranks(split, NEARNESS), neighbour_ranks(shorter, NEARNESS)

    assert part.tolist() == before[: len(part)].tolist()
    assert hit_rate(before, 10, split.n_items).value > 20 / split.n_items
