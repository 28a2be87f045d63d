"""The state of one partition, on a real RocksDB."""

from pathlib import Path

import pytest

from state.keys import item_name_key
from state.users.changelog import Place
from state.users.partition import PartitionState
from tests.state.users.changelog_records import logged, mark_swept, record, reopen


def test_a_new_state_stands_nowhere(state: PartitionState) -> None:
    """Nothing was read, nobody is known."""
    assert Place(-1, -1) == state.place
    assert not state.has_outranked
    assert 0 == state.swept
    assert [None, None] == state.read([b"a", b"b"])
    assert [] == state.users(b"", 10)


def test_foreign_records_ask_for_a_sweep(state: PartitionState) -> None:
    """They may be of a worker with another generation."""
    mark_swept(state, 7)

    state.apply_changelog(logged(0, (b"a", record(1))))

    assert 0 == state.swept


def test_a_fold_under_another_generation_asks_for_a_sweep(tmp_path: Path) -> None:
    """Also under none, and also of the next process; under the same one nothing is to be done."""
    state = PartitionState(tmp_path / "0")
    for other in (8, 0):
        mark_swept(state, 7)
        state.folds_under(7)
        assert 7 == state.swept

        state.folds_under(other)

        assert 0 == state.swept
    state = reopen(state, tmp_path)
    assert 0 == state.swept
    state.close()


def test_a_sweep_that_others_cross_marks_nothing(state: PartitionState) -> None:
    """Their users may stand behind it: those of another generation, and those of another worker."""
    state.begin_sweep(7)
    state.folds_under(7)
    state.folds_under(8)
    assert not state.end_sweep(7)
    assert 0 == state.swept

    state.begin_sweep(7)
    state.apply_changelog(logged(0, (b"a", record(1))))
    assert not state.end_sweep(7)
    assert 0 == state.swept


def test_the_number_of_keys_is_about_right(state: PartitionState) -> None:
    """It is an estimate of RocksDB's."""
    state.commit([(f"u{number}".encode(), record(1)) for number in range(1000)], Place(999, 1))

    assert 1000 <= state.n_keys_about <= 1010


def test_a_commit_and_its_place_survive(tmp_path: Path) -> None:
    """Values, deletions and the place are there for the next process."""
    state = PartitionState(tmp_path / "0")
    state.commit([(b"a", record(1)), (b"b", record(2)), (b"c", record(3))], Place(2, 3))
    state.commit([(b"b", None), (b"c", record(4))], Place(4, 4))
    mark_swept(state, 2**64 - 1)

    state = reopen(state, tmp_path)

    assert Place(4, 4) == state.place
    assert [record(1), None, record(4)] == state.read([b"a", b"b", b"c"])
    assert 2**64 - 1 == state.swept
    state.close()


def test_a_folder_is_opened_once(state: PartitionState, tmp_path: Path) -> None:
    """RocksDB refuses a second opener, in words that tell of a lock."""
    assert state.place == Place()

    with pytest.raises(Exception, match=r"(?i)lock"):
        PartitionState(tmp_path / "0")


def test_pages_show_users_and_nothing_else(state: PartitionState) -> None:
    """Names, marks and the place stand below the users, which come in the order of their keys."""
    users = [b" ", b"a", b"b", "ü".encode(), "\U0010ffff".encode()]
    state.commit([(key, record(9)) for key in users] + [(item_name_key(0), b"i0")], Place(5, 9))
    state.apply_changelog(logged(6, (b"a", record(1))))
    mark_swept(state, 7)

    keys, after = [], b""
    while page := state.users(after, 2):
        assert len(page) <= 2
        keys += [key for key, _ in page]
        after = page[-1][0]

    assert users == keys


def test_a_name_is_wanted_once(tmp_path: Path) -> None:
    """Only items whose name is not stored are named, before and after a restart."""
    state = PartitionState(tmp_path / "0")
    assert [5, 6] == state.names.lacking([5, 6])
    assert [5, 6] == state.names.lacking([5, 6])  # asking is not writing

    state.commit([(item_name_key(5), b"i5")], Place(0, -1))
    assert [6] == state.names.lacking([5, 6])

    state = reopen(state, tmp_path)
    assert [6] == state.names.lacking([5, 6])
    state.close()


def test_the_memory_of_names_is_bounded(tmp_path: Path) -> None:
    """Over `named_max` names are looked up again; the answers stay right."""
    state = PartitionState(tmp_path / "0", named_max=3)
    state.commit([(item_name_key(key), b"i") for key in range(10)], Place(9, -1))

    for _ in range(3):
        assert [10, 11] == state.names.lacking(range(12))
        assert len(state.names._cached) <= 3  # noqa: SLF001  the bound is what is tested
    state.close()
