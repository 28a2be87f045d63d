"""Adding plays to histories: exact, bounded, and the same however they are split."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.arrays import Counts
from model.history import Histories, Plays, add_plays, add_plays_plain

Play = tuple[int, int, int]  # user, item, time
EVENTS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 6), st.integers(0, 100)), max_size=40)
HALF_LIVES = st.sampled_from([0.5, 1.0, 5.0, np.inf])
TIMES = st.tuples(
    st.sampled_from([10.0, np.inf]), st.sampled_from([1.5, np.inf])
)  # half-life in seconds, most of a value


def no_histories(n_users: int) -> tuple[Histories, Counts]:
    """Return the state of users who have not played."""
    columns = np.zeros(0, np.uint64), np.zeros(0, np.float32), np.zeros(0, np.uint32), np.zeros(0, np.uint32)
    return Histories(np.zeros(n_users + 1, np.int64), *columns), np.zeros(n_users, np.uint32)


def plays_of(n_users: int, events: list[Play]) -> Plays:
    """Return events as compressed rows, each user's in the order given."""
    ordered = sorted(events, key=lambda event: event[0])
    users, items, times = np.array(ordered, np.int64).reshape(-1, 3).T
    starts = np.searchsorted(users, np.arange(n_users + 1))
    weights = np.where(times % 5 == 0, -1, 0.5 + times / 64).astype(np.float32)
    return Plays(starts, items.astype(np.uint64), weights, times.astype(np.uint32), times % 3 > 0)


def as_bytes(state: tuple[Histories, Counts]) -> list[bytes]:
    """Return every bit of a state."""
    return [column.tobytes() for column in (*state[0], state[1])]


@given(EVENTS, st.integers(1, 8), HALF_LIVES, TIMES)
def test_the_kernel_equals_its_plain_twin(
    events: list[Play], history_max: int, half_life: float, times: tuple[float, float]
) -> None:
    """Kernel and plain Python give the same histories, bit for bit."""
    plays = plays_of(3, events)

    expected = add_plays_plain(*no_histories(3), plays, history_max, half_life, *times)

    assert as_bytes(expected) == as_bytes(add_plays(*no_histories(3), plays, history_max, half_life, *times))


@given(EVENTS, st.integers(0, 40), st.integers(1, 8), HALF_LIVES, TIMES)
def test_the_result_does_not_depend_on_the_split(
    events: list[Play], cut: int, history_max: int, half_life: float, times: tuple[float, float]
) -> None:
    """Plays added in one call or in two leave the same histories, bit for bit: a replay may group as it likes."""
    at_once = add_plays(*no_histories(3), plays_of(3, events), history_max, half_life, *times)

    half = add_plays(*no_histories(3), plays_of(3, events[:cut]), history_max, half_life, *times)
    in_two = add_plays(*half, plays_of(3, events[cut:]), history_max, half_life, *times)

    assert as_bytes(at_once) == as_bytes(in_two)


def test_a_repeat_decays_grows_and_moves_to_the_end() -> None:
    """An item played again keeps one entry: what it was worth by now, plus the new play, as the latest."""
    events = [(0, 1, 10), (0, 2, 20), (0, 1, 5)]
    plays = plays_of(1, events)._replace(weights=np.ones(3, np.float32), counted=None)

    histories, plays_now = add_plays(*no_histories(1), plays, history_max=9, half_life_plays=2)

    assert [2, 1] == histories.item_keys.tolist()
    assert [1.0, 1.5] == histories.values.tolist()
    assert [2, 3] == histories.touched_at_play.tolist()
    assert [20, 10] == histories.last_played_s.tolist()
    assert [3] == plays_now.tolist()


def test_a_full_history_drops_what_was_touched_longest_ago() -> None:
    """At its limit a history forgets the entry that no play has touched for longest; the plays go on counting."""
    plays = plays_of(1, [(0, item, 0) for item in (1, 2, 1, 3)])._replace(counted=None, weights=np.ones(4, np.float32))

    histories, plays_now = add_plays(*no_histories(1), plays, history_max=2, half_life_plays=5)

    assert [1, 3] == histories.item_keys.tolist()
    assert [4] == plays_now.tolist()


@given(st.permutations([(1, 0), (1, 7), (1, 30), (2, 9), (2, 12), (1, 31)]))
def test_decay_by_time_does_not_ask_for_the_order(played: list[tuple[int, int]]) -> None:
    """A play that arrives late counts as much as if it had come in time: decay and order commute."""
    columns = np.array([item for item, _ in played], np.uint64), np.ones(6, np.float32)
    plays = Plays(np.array([0, 6]), *columns, np.array([at for _, at in played], np.uint32))

    histories, _ = add_plays(*no_histories(1), plays, 9, np.inf, half_life_s=10.0)

    entries = dict(zip(histories.item_keys.tolist(), zip(*histories[2::2], strict=True), strict=True))
    expected = {1: (2**-3.1 + 2**-2.4 + 2**-0.1 + 1, 31), 2: (2**-0.3 + 1, 12)}
    assert {1, 2} == set(entries)
    for item, (value, last_s) in expected.items():
        np.testing.assert_allclose((value, last_s), entries[item], rtol=1e-6)


def test_signals_against_an_item_stand_beside_those_for_it() -> None:
    """Neither takes from the other; what is no play ages nothing."""
    weights = np.array([1, -1, 2, -1], np.float32)
    columns = np.array([7, 7, 7, 7], np.uint64), weights, np.zeros(4, np.uint32)
    plays = Plays(np.array([0, 4]), *columns, np.array([True, False, False, False]))

    histories, plays_now = add_plays(*no_histories(1), plays, 9, 1.0)

    assert [7, 7] == histories.item_keys.tolist()
    assert [3, -2] == histories.values.tolist()
    assert [1] == plays_now.tolist()


def test_users_without_new_plays_stay_as_they_are() -> None:
    """Adding nothing changes nothing, not even a history that is longer than today's limit."""
    state = add_plays(*no_histories(2), plays_of(2, [(0, 1, 1), (0, 2, 2), (1, 3, 3)]), 9, 5.0)

    assert as_bytes(state) == as_bytes(add_plays(*state, plays_of(2, []), 1, 5.0))


def test_the_arguments_are_left_alone() -> None:
    """The counts that are passed in belong to the caller: they are copied, not counted up."""
    histories, plays_so_far = no_histories(1)

    add_plays(histories, plays_so_far, plays_of(1, [(0, 1, 1)]), 9, 5.0)

    assert [0] == plays_so_far.tolist()


@pytest.mark.parametrize("key", [0, 2**63, 2**64 - 1])
def test_every_64_bit_key_is_an_item(key: int) -> None:
    """No key is special: neither zero nor one beyond the signed range."""
    keys, one = np.array([key, key], np.uint64), np.ones(2, np.float32)
    plays = Plays(np.array([0, 2]), keys, one, np.zeros(2, np.uint32))

    histories, _ = add_plays(*no_histories(1), plays, 9, np.inf)

    assert [key] == histories.item_keys.tolist()
    assert [2.0] == histories.values.tolist()
