"""Ranks of played items in the lists that listeners had, against a walk through one play at a time."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.evaluation import live_ranks as live_quality
from model.evaluation.live_ranks import DEPTH, GroupSignals, ScoredPlays, live_ranks, place_table
from model.evaluation.rank_metrics import HISTORY_KINDS, MISS, history_kinds
from model.history import Histories
from model.ragged import RaggedKeys, RaggedMarks
from model.warm_up import warm_up

MARK = 0xFFFF_FFFF


class Came(NamedTuple):
    """A signal of a listener."""

    item: int
    learnt: bool = True
    is_play: bool = True


class Listener(NamedTuple):
    """A listener before a group, and their signals in it."""

    came: Sequence[Came]
    history: Sequence[int] = ()
    left_out: Sequence[int] = ()
    listed: Sequence[int] = ()
    listable: Sequence[int] = ()


def ragged(parts: Sequence[Sequence[int]], kind: type = np.uint64) -> tuple[np.ndarray, np.ndarray]:
    """Return lists as compressed rows."""
    return np.cumsum([0, *map(len, parts)]), np.array([value for part in parts for value in part], kind)


def histories_of(parts: Sequence[Sequence[int]]) -> Histories:
    """Return histories of one play of each item."""
    starts, keys = ragged(parts)
    times = np.ones(len(keys), np.uint32)
    return Histories(starts, keys, np.ones(len(keys), np.float32), times, times)


def ranked(listeners: Sequence[Listener], popular: Sequence[int]) -> ScoredPlays:
    """Rank by the kernel."""
    came = [signal for listener in listeners for signal in listener.came]
    starts, keys = ragged([[signal.item for signal in listener.came] for listener in listeners])
    learnt = np.array([signal.learnt for signal in came], np.bool_)
    plays = learnt & np.array([signal.is_play for signal in came], np.bool_)
    marks = [[item & MARK for item in listener.listed] for listener in listeners]
    return live_ranks(
        GroupSignals(starts, keys, (keys & np.uint64(MARK)).astype(np.uint32), learnt, plays),
        histories_of([listener.history for listener in listeners]),
        RaggedKeys(*ragged([[item for item in who.history if item not in who.listable] for who in listeners])),
        RaggedKeys(*ragged([listener.left_out for listener in listeners])),
        RaggedMarks(*ragged(marks, np.uint32)),
        place_table(np.array(popular, np.uint64)),
    )


def ranked_plain(listeners: Sequence[Listener], popular: Sequence[int]) -> list[tuple[int, int, int]]:
    """Do the same play by play: where it stands, its rank in the own list, and in the popular one."""
    ranked, place = list[tuple[int, int, int]](), 0
    for listener in listeners:
        known = set(listener.history)
        unwanted = known - set(listener.listable) | set(listener.left_out)
        same = [item for item in popular if item not in unwanted]
        for signal in listener.came:
            if listener.listed and signal.learnt and signal.is_play and signal.item not in known:
                ranked.append((place, rank_in(listener.listed, signal.item), rank_in(same, signal.item)))
            if signal.learnt:
                known.add(signal.item)
            place += 1
    return ranked


def rank_in(items: Sequence[int], item: int) -> int:
    """Return the rank of an item in a list, of which so many places count."""
    first = list(items)[:DEPTH]
    return first.index(item) + 1 if item in first else MISS


def entries_of(scored: ScoredPlays) -> list[tuple[int, int, int]]:
    """Return ranks as the plain twin does."""
    return list(zip(scored.places.tolist(), scored.own.tolist(), scored.popular.tolist(), strict=True))


ITEMS = st.integers(1, 90).map(lambda number: number * 0x9E37_79B9_7F4A_7C15 % 2**64)
LISTENERS = st.builds(
    Listener,
    st.lists(st.builds(Came, ITEMS, st.booleans(), st.booleans()), max_size=6),
    st.lists(ITEMS, max_size=30, unique=True),
    st.lists(ITEMS, max_size=8, unique=True),
    st.lists(ITEMS, max_size=60, unique=True),
    st.lists(ITEMS, max_size=10),
)


@given(st.lists(LISTENERS, max_size=5), st.lists(ITEMS, max_size=90, unique=True))
def test_a_group_is_ranked_as_one_play_at_a_time(listeners: list[Listener], popular: list[int]) -> None:
    """For any known, excluded, listed and popular items."""
    assert ranked_plain(listeners, popular) == entries_of(ranked(listeners, popular))


def test_a_large_group_is_ranked_as_one_play_at_a_time() -> None:
    """The known items of one listener do not affect the next."""
    rng = np.random.default_rng(0)

    def drawn(n: int) -> list[int]:
        return [int(item) for item in rng.choice(200, rng.integers(0, n), replace=False)]

    listeners = [
        Listener([Came(item) for item in drawn(8)], drawn(60), drawn(9), drawn(80), drawn(20)) for _ in range(300)
    ]

    assert ranked_plain(listeners, range(150)) == entries_of(ranked(listeners, range(150)))


def test_a_play_is_ranked_in_the_list_of_before() -> None:
    """Ranks count from the best; the popular list excludes the listener's known and excluded items."""
    ann = Listener([Came(7), Came(8)], history=[1, 2], left_out=[3], listed=[9, 8, 7])

    assert [(0, 3, 1), (1, 2, 2)] == entries_of(ranked([ann], popular=[1, 2, 3, 7, 8]))


def test_what_is_in_neither_list_is_a_miss() -> None:
    """It is scored all the same."""
    assert [(0, MISS, MISS)] == entries_of(ranked([Listener([Came(7)], listed=[9])], popular=[8]))


@pytest.mark.parametrize(
    "listener",
    [
        Listener([Came(7)]),
        Listener([Came(7)], history=[7], listed=[9]),
        Listener([Came(7, learnt=False)], listed=[7]),
        Listener([Came(7, is_play=False)], listed=[7]),
        Listener([Came(7, is_play=False), Came(7)], listed=[7]),
    ],
    ids=["no list", "known", "not learnt", "no play", "liked just before"],
)
def test_what_is_not_scored(listener: Listener) -> None:
    """As in an evaluation."""
    assert [] == entries_of(ranked([listener], popular=[7]))


def test_an_item_is_new_once_in_a_group() -> None:
    """The second play of it is a repeat; a play that was not learnt makes nothing known."""
    ann = Listener([Came(7, learnt=False), Came(7), Came(7)], listed=[7])

    assert [(1, 1, 1)] == entries_of(ranked([ann], popular=[7]))


def test_all_plays_of_a_group_are_looked_for_in_the_same_list() -> None:
    """A list that reflects the first play is published after the group."""
    ann = Listener([Came(5), Came(6)], listed=[5, 6])

    assert [(0, 1, 1), (1, 2, 2)] == entries_of(ranked([ann], popular=[5, 6]))


def test_places_are_found_though_keys_collide() -> None:
    """Keys that begin at the same slot go to the next free one."""
    popular = np.array([64, 128, 192, 1, 2**64 - 1], np.uint64)
    keys, places, _ = place_table(popular)

    held = {int(key): int(place) for key, place in zip(keys, places, strict=True) if place >= 0}
    assert {64: 0, 128: 1, 192: 2, 1: 3, 2**64 - 1: 4} == held
    others = [Listener([Came(item)], listed=[1]) for item in (64, 128, 192, 1, 2**64 - 1, 256)]
    assert [1, 2, 3, 4, 5, MISS] == ranked(others, popular.tolist()).popular.tolist()


def test_histories_are_of_the_kinds_that_evaluations_have() -> None:
    """A listener with a list and without a history is new as well."""
    for kind, (low, high) in enumerate(HISTORY_KINDS.values()):
        assert [kind, kind] == history_kinds([low, min(high, 10**6)]).tolist()
    assert [0] == history_kinds([0]).tolist()


def test_a_warm_worker_compiles_nothing_more() -> None:
    """Read-only and strided arrays run in the code that the warm-up compiled."""
    kernels = live_quality._rank, live_quality._fill  # noqa: SLF001
    warm_up()
    compiled = [len(kernel.signatures) for kernel in kernels]

    ranked([Listener([Came(7)], [1, 2], [3], [7])], [1, 2, 3, 4])
    keys = np.frombuffer(np.arange(8, dtype=np.uint64).tobytes(), np.uint64)[::2]
    starts, marks, flags = np.arange(5), np.arange(4, dtype=np.uint32), np.ones(8, np.bool_)[::2]
    same, listed = RaggedKeys(starts, keys), RaggedMarks(starts, marks)
    histories = Histories(starts, keys, np.ones(4, np.float32), marks, marks)
    live_ranks(GroupSignals(starts, keys, marks, flags, flags), histories, same, same, listed, place_table(keys))

    assert compiled == [len(kernel.signatures) for kernel in kernels]


def test_an_item_that_was_only_skipped_is_in_no_popular_list() -> None:
    """One that was liked as well is; and each sign of an item counts as an item of the history."""
    starts, marks, flags = np.array([0, 1]), np.array([1], np.uint32), np.ones(1, np.bool_)
    keys, nothing = np.array([30], np.uint64), RaggedKeys(np.zeros(2, np.int64), np.zeros(0, np.uint64))
    signals = GroupSignals(starts, keys, marks, flags, flags)
    times = np.ones(3, np.uint32)
    skipped_and_liked = Histories(
        np.array([0, 3]), np.array([10, 20, 20], np.uint64), np.array([-1, -1, 1], np.float32), times, times
    )
    listed, popular = RaggedMarks(starts, marks), place_table(np.array([10, 20, 30], np.uint64))

    ranks = live_ranks(signals, skipped_and_liked, nothing, nothing, listed, popular)

    assert [2] == ranks.popular.tolist()
    assert [3] == ranks.n_items.tolist()
