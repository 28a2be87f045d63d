"""The order of a sweep, with real states."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.background import sweep_order
from agents.background.sweep_order import SweepOrder
from state.users.changelog import Place
from state.users.partition import PartitionState
from state.users.record import UserRecord

CURRENT, OTHER = 5, 6


@pytest.fixture
def states(tmp_path: Path) -> Iterator[list[PartitionState]]:
    """Give two empty partitions."""
    opened = [PartitionState(tmp_path / str(number)) for number in range(2)]
    yield opened
    for state in opened:
        state.close()


def put(state: PartitionState, user: str, played_s: int, key: int = OTHER, *, listed_at_ms: int = 1) -> None:
    """Write a user's record into a state."""
    record = UserRecord(
        applied_offset=1, plays=1, last_played_s=played_s, generation_key=key, listed_at_ms=listed_at_ms
    )
    state.commit([(user.encode(), record.encode())], Place(state.place.changelog_offset + 1, 1))


def scanned(order: SweepOrder, states: list[PartitionState]) -> SweepOrder:
    """Scan partitions to their ends."""
    for partition, state in enumerate(states):
        for _ in order.scan(partition, state):
            pass
    return order


def groups(order: SweepOrder, n_users: int) -> list[tuple[int, list[str]]]:
    """Return the groups, each as its partition and its users."""
    return [(group.partition, [key.decode() for key in group.keys]) for group in order.groups(lambda: n_users)]


def test_listeners_are_in_the_order_of_their_last_play(states: list[PartitionState]) -> None:
    """The latest first; those of one moment in the order of their ids."""
    for user, played_s in {"ann": 20, "ben": 30, "cem": 10, "dua": 30}.items():
        put(states[0], user, played_s)

    order = scanned(SweepOrder(CURRENT), states)

    assert [(0, ["ben", "dua", "ann"]), (0, ["cem"])] == [*groups(order, 3)]
    assert order.is_whole


def test_partitions_take_turns(states: list[PartitionState]) -> None:
    """Every listener of a round played later than every listener of the next one."""
    for number in range(12):
        put(states[number % 2], f"u{number:02}", 100 - number)

    order = scanned(SweepOrder(CURRENT), states)

    rounds = [(0, ["u00", "u02"]), (1, ["u01", "u03"]), (0, ["u04", "u06"]), (1, ["u05", "u07"])]
    assert rounds == groups(order, 2)[:4]


def test_a_round_of_one_partition_is_cut_into_groups(states: list[PartitionState]) -> None:
    """No group has more users than asked for."""
    for number in range(5):
        put(states[1], f"u{number}", 100 - number)

    order = scanned(SweepOrder(CURRENT), states)

    assert [(1, ["u0", "u1"]), (1, ["u2", "u3"]), (1, ["u4"])] == groups(order, 2)


def test_folded_and_forgotten_listeners_are_left_out(states: list[PartitionState]) -> None:
    """They are counted as scanned."""
    put(states[0], "ann", 1, CURRENT)
    put(states[0], "ben", 1)
    states[0].commit([(b"cem", UserRecord(applied_offset=1).encode())], Place(9, 1))

    order = scanned(SweepOrder(CURRENT), states)

    assert [(0, ["ben"])] == groups(order, 10)
    assert 3 == order.n_users[0]
    assert 1 == order.n_left[0]


def test_silent_listeners_are_left_out_unless_they_lack_a_list(states: list[PartitionState]) -> None:
    """Their list is renewed before it expires."""
    put(states[0], "ann", 99)
    put(states[0], "ben", 100)
    put(states[0], "cem", 99, listed_at_ms=0)

    order = scanned(SweepOrder(CURRENT, silent_before_s=100), states)

    assert [(0, ["ben", "cem"])] == groups(order, 10)
    assert 2 == order.n_left[0]


def test_too_many_listeners_are_those_who_played_last(
    states: list[PartitionState], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another scan takes the others; never twice as many as allowed are in memory."""
    monkeypatch.setattr(sweep_order, "SCANNED", 4)
    for number in range(23):
        put(states[0], f"u{number:02}", number)

    order, most = SweepOrder(CURRENT, users_max=5), 0
    for _ in order.scan(0, states[0]):
        most = max(most, len(order))

    assert [(0, ["u22", "u21", "u20", "u19", "u18"])] == groups(order, 10)
    assert not order.is_whole
    assert most < 2 * 5
    assert 23 == order.n_left[0]
