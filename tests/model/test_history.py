"""Adding plays to histories: as they came, bounded, and the same however they are split."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.arrays import Counts
from model.history import Histories, Plays, add_plays, add_plays_plain

Play = tuple[int, int, int]  # user, item, time
EVENTS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 6), st.integers(0, 100)), max_size=40)
REPEATS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 3), st.integers(1, 4)), max_size=40)
"""Many signals of few items, most of them for the item."""


def no_histories(n_users: int) -> tuple[Histories, Counts]:
    """Return the state of users without plays."""
    columns = np.zeros(0, np.uint64), np.zeros(0, np.float32), np.zeros(0, np.uint32), np.zeros(0, np.uint32)
    return Histories(np.zeros(n_users + 1, np.int64), *columns), np.zeros(n_users, np.uint32)


def plays_of(n_users: int, events: list[Play]) -> Plays:
    """Return events as compressed rows, each user's in the order given."""
    ordered = sorted(events, key=lambda event: event[0])
    users, items, times = np.array(ordered, np.int64).reshape(-1, 3).T
    starts = np.searchsorted(users, np.arange(n_users + 1))
    weights = np.where(times % 5 == 0, -1, 0.5 + times / 64).astype(np.float32)
    return Plays(starts, items.astype(np.uint64), weights, times.astype(np.uint32), times % 3 > 0)


def played(*items: int) -> Plays:
    """Return plays of one user."""
    n = len(items)
    return Plays(np.array([0, n]), np.array(items, np.uint64), np.ones(n, np.float32), np.arange(n, dtype=np.uint32))


def as_bytes(state: tuple[Histories, Counts]) -> list[bytes]:
    """Return every bit of a state."""
    return [column.tobytes() for column in (*state[0], state[1])]


@given(EVENTS | REPEATS, st.integers(1, 8))
def test_the_kernel_equals_its_plain_twin(events: list[Play], history_max: int) -> None:
    """Kernel and plain Python give the same histories, bit for bit."""
    plays = plays_of(3, events)

    expected = add_plays_plain(*no_histories(3), plays, history_max)

    assert as_bytes(expected) == as_bytes(add_plays(*no_histories(3), plays, history_max))


@given(EVENTS | REPEATS, st.lists(st.integers(0, 40), max_size=4), st.integers(1, 8))
def test_the_result_does_not_depend_on_the_split(events: list[Play], cuts: list[int], history_max: int) -> None:
    """Plays added in one call or in several leave the same histories, bit for bit: a replay may group as it likes."""
    at_once = add_plays(*no_histories(3), plays_of(3, events), history_max)

    state, begin = no_histories(3), 0
    for end in (*sorted(cuts), len(events)):
        state, begin = add_plays(*state, plays_of(3, events[begin:end]), history_max), end

    assert as_bytes(at_once) == as_bytes(state)


@given(REPEATS, REPEATS, st.integers(1, 8))
def test_a_history_beyond_the_limit_is_cut_by_its_next_play(
    before: list[Play], events: list[Play], history_max: int
) -> None:
    """A lower limit applies to a history when a play comes, in the kernel as in its plain twin."""
    state = add_plays(*no_histories(3), plays_of(3, before), 99)

    expected = add_plays_plain(*state, plays_of(3, events), history_max)

    assert as_bytes(expected) == as_bytes(add_plays(*state, plays_of(3, events), history_max))


def test_a_repeat_is_an_entry_of_its_own() -> None:
    """Nothing is summed or decayed: each signal keeps its weight, its play and its time."""
    events = [(0, 1, 10), (0, 2, 20), (0, 1, 5)]
    plays = plays_of(1, events)._replace(weights=np.array([1, 2, 3], np.float32), counted=None)

    histories, plays_now = add_plays(*no_histories(1), plays, history_max=9)

    assert [1, 2, 1] == histories.item_keys.tolist()
    assert [1.0, 2.0, 3.0] == histories.values.tolist()
    assert [1, 2, 3] == histories.touched_at_play.tolist()
    assert [10, 20, 5] == histories.last_played_s.tolist()
    assert [3] == plays_now.tolist()


def test_signals_that_are_no_plays_share_the_number_of_the_play_before() -> None:
    """They age nothing."""
    plays = played(7, 7, 7, 7)._replace(counted=np.array([True, False, False, True]))

    histories, plays_now = add_plays(*no_histories(1), plays, history_max=9)

    assert [1, 1, 1, 2] == histories.touched_at_play.tolist()
    assert [2] == plays_now.tolist()


@pytest.mark.parametrize(
    ("items", "left"),
    [
        ((1, 2, 1, 3), (2, 1, 3)),  # the repeated 1 goes
        ((1, 2, 3, 4), (2, 3, 4)),  # without repeats the oldest item goes
        ((1, 2, 2, 3, 3), (1, 2, 3)),  # the oldest repeat goes, not the oldest entry
        ((1, 2, 3, 1), (2, 3, 1)),  # a repeat costs no other item
        ((1, 2, 3, 2, 2), (1, 3, 2)),
    ],
)
def test_the_oldest_repeat_goes_first(items: tuple[int, ...], left: tuple[int, ...]) -> None:
    """A full history drops the oldest entry that is repeated later, and the oldest item only without repeats."""
    histories, plays_now = add_plays(*no_histories(1), played(*items), history_max=3)

    assert [*left] == histories.item_keys.tolist()
    assert [len(items)] == plays_now.tolist()


def test_a_signal_against_an_item_is_no_repeat_of_one_for_it() -> None:
    """Neither takes the place of the other."""
    plays = played(1, 2, 1, 3)._replace(weights=np.array([1, 1, -1, 1], np.float32))

    histories, _ = add_plays(*no_histories(1), plays, history_max=3)

    assert [2, 1, 3] == histories.item_keys.tolist()
    assert [1.0, -1.0, 1.0] == histories.values.tolist()


@given(REPEATS, st.integers(4, 8))
def test_repeats_cost_no_known_item(events: list[Play], history_max: int) -> None:
    """With room for all items and signs, everything that was ever played is known."""
    plays = plays_of(2, events)._replace(weights=np.ones(len(events), np.float32))

    histories, _ = add_plays(*no_histories(2), plays, history_max)

    for user in range(2):
        known = histories.item_keys[histories.starts[user] : histories.starts[user + 1]].tolist()
        assert {item for owner, item, _ in events if owner == user} == set(known)
        assert len(known) <= history_max


def test_users_without_new_plays_stay_as_they_are() -> None:
    """Adding nothing changes nothing, not even a history that is longer than today's limit."""
    state = add_plays(*no_histories(2), plays_of(2, [(0, 1, 1), (0, 2, 2), (1, 3, 3)]), 9)

    assert as_bytes(state) == as_bytes(add_plays(*state, plays_of(2, []), 1))


def test_the_arguments_are_left_alone() -> None:
    """The counts that are passed in belong to the caller: they are copied, not counted up."""
    histories, plays_so_far = no_histories(1)

    add_plays(histories, plays_so_far, plays_of(1, [(0, 1, 1)]), 9)

    assert [0] == plays_so_far.tolist()


@pytest.mark.parametrize("key", [0, 2**63, 2**64 - 1])
def test_every_64_bit_key_is_an_item(key: int) -> None:
    """No key is special: neither zero nor one beyond the signed range."""
    histories, _ = add_plays(*no_histories(1), played(key, 5, key), history_max=2)

    assert [5, key] == histories.item_keys.tolist()
