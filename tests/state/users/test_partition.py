"""The state of one partition, on a real RocksDB."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from state.keys import item_name_key
from state.users.changelog import Place
from state.users.partition import PartitionState
from state.users.record import RecordFormatError, UserRecord
from state.users.record_bytes import applied_offset_of


@dataclass
class Logged:
    """A record of the changelog."""

    offset: int
    key: bytes
    value: bytes | None


def record(applied: int, plays: int = 1) -> bytes:
    """Return the bytes of a record; `plays` tells apart those of one applied offset."""
    return UserRecord(applied_offset=applied, plays=plays).encode()


def logged(first: int, *items: tuple[bytes, bytes | None]) -> list[Logged]:
    """Return consecutive changelog records."""
    return [Logged(offset, key, value) for offset, (key, value) in enumerate(items, first)]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[PartitionState]:
    """Give an empty state."""
    opened = PartitionState(tmp_path / "0")
    yield opened
    opened.close()


def reopen(state: PartitionState, tmp_path: Path) -> PartitionState:
    """Close a state and open it again, as a new process does."""
    state.close()
    return PartitionState(tmp_path / "0")


def mark_swept(state: PartitionState, generation_key: int) -> None:
    """Sweep a state of which nothing is to be folded."""
    state.begin_sweep(generation_key)
    assert state.end_sweep(generation_key)


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


# What changelogs look like when a frozen worker wakes up late: repeated, overtaken, deleted.
USERS = [b"a", b"b", b"c", "é".encode()]
WRITES = st.lists(
    st.tuples(st.sampled_from(USERS), st.none() | st.builds(record, st.integers(-1, 8), st.integers(0, 3))),
    min_size=1,
    max_size=20,
)


def winners(writes: list[tuple[bytes, bytes | None]]) -> dict[bytes, bytes]:
    """Return the records that recovery keeps: of the highest applied offset since a deletion, the latest of equals."""
    latest: dict[bytes, bytes] = {}
    for key, value in writes:
        if value is None:
            latest.pop(key, None)
        elif key not in latest or applied_offset_of(value) >= applied_offset_of(latest[key]):
            latest[key] = value
    return latest


@hypothesis_settings(max_examples=100)
@given(WRITES, st.lists(st.integers(1, 19), max_size=4))
def test_the_highest_applied_offset_wins(writes: list[tuple[bytes, bytes | None]], cuts: list[int]) -> None:
    """In any order and in any slices the state is that of the plain reference; losers' users are marked."""
    expected = winners(writes)
    last = dict(writes)
    bounds = [0, *sorted({cut for cut in cuts if cut < len(writes)}), len(writes)]
    with TemporaryDirectory() as folder:
        state = PartitionState(Path(folder) / "0")
        for low, high in pairwise(bounds):
            state.apply_changelog(logged(low, *writes[low:high]))
        held, marked, place = dict(state.users(b"", 100)), set(state.outranked(100)), state.place
        state.close()

    assert expected == held
    assert {key for key, value in expected.items() if last[key] != value} <= marked <= set(expected)
    assert len(writes) - 1 == place.changelog_offset
    assert max([-1, *(applied_offset_of(value) for _, value in writes if value)]) == place.applied_offset_max


def test_order_and_repetition_do_not_matter(tmp_path: Path) -> None:
    """The same records the other way around, and twice, give the same state."""
    records = [(b"a", record(applied)) for applied in (3, 9, 5)] + [(b"b", record(4)), (b"b", record(2))]
    contents = []
    for number, order in enumerate((records, records[::-1], records + records)):
        state = PartitionState(tmp_path / str(number))
        state.apply_changelog(logged(0, *order))
        contents.append(state.users(b"", 10))
        state.close()

    assert [[(b"a", record(9)), (b"b", record(4))]] * 3 == contents


def test_among_equals_the_later_wins(state: PartitionState) -> None:
    """It is the same history under a later generation, within a slice and across slices."""
    state.apply_changelog(logged(0, (b"a", record(5, plays=1)), (b"a", record(5, plays=2))))
    assert [record(5, plays=2)] == state.read([b"a"])

    assert 0 == state.apply_changelog(logged(2, (b"a", record(5, plays=3))))
    assert [record(5, plays=3)] == state.read([b"a"])
    assert [] == state.outranked(10)


def test_an_outranked_mark_is_durable_until_its_user_is_written(tmp_path: Path) -> None:
    """The mark outlives the process and is cleared by the commit that writes the winner again, by no other."""
    state = PartitionState(tmp_path / "0")
    state.apply_changelog(logged(0, (b"a", record(5)), (b"b", record(6))))

    assert 2 == state.apply_changelog(logged(2, (b"b", record(1)), (b"a", record(2))))

    state = reopen(state, tmp_path)
    assert state.has_outranked
    assert [b"a", b"b"] == state.outranked(10)
    assert [b"a"] == state.outranked(1)
    state.commit([(b"c", record(7))], Place(4, 7))
    state.commit([(b"a", record(5))], Place(5, 7))
    state = reopen(state, tmp_path)
    is_marked = state.has_outranked
    assert is_marked
    assert [b"b"] == state.outranked(10)
    state.commit([(b"b", record(6))], Place(6, 7))
    assert not state.has_outranked
    assert [] == state.outranked(10)
    state.close()


def test_a_winner_read_from_the_changelog_clears_the_mark(state: PartitionState) -> None:
    """Compaction keeps the record behind the stale one."""
    state.apply_changelog(logged(0, (b"a", record(5))))
    state.apply_changelog(logged(1, (b"a", record(2))))
    assert [b"a"] == state.outranked(10)

    state.apply_changelog(logged(2, (b"a", record(5))))

    assert [] == state.outranked(10)


def test_a_tombstone_deletes_whatever_stood_before_it(state: PartitionState) -> None:
    """In the state or in the same slice, above or below: a forgotten user does not come back."""
    state.apply_changelog(logged(0, (b"a", record(9)), (b"b", record(8))))

    state.apply_changelog(
        logged(2, (b"a", record(3)), (b"a", None), (b"b", None), (b"b", record(4)), (b"c", None), (b"d", None))
    )

    assert [(b"b", record(4))] == state.users(b"", 10)
    assert [] == state.outranked(10)


@pytest.mark.parametrize("short", [b"", b"x", b"x" * 12])
def test_a_record_that_is_too_short_is_refused(state: PartitionState, short: bytes) -> None:
    """Another program wrote it; the records beside it are not applied either, so none is missing behind the place."""
    expected = rf"^the record at offset 1 has {len(short)} bytes, fewer than a listener's: .* `playfold state rebase "

    with pytest.raises(RecordFormatError, match=expected):
        state.apply_changelog(logged(0, (b"a", record(5)), (b"b", short), (b"c", record(6))))

    assert Place() == state.place
    assert [None] == state.read([b"a"])


def test_item_names_bypass_the_guard(state: PartitionState) -> None:
    """A name has no applied offset; it is stored as it is and is no user."""
    name = item_name_key(2**64 - 1)
    state.apply_changelog(logged(0, (b"a", record(5)), (name, b"x"), (name, "Ärger".encode())))

    assert ["Ärger".encode()] == state.read([name])
    assert [(b"a", record(5))] == state.users(b"", 10)
    assert Place(2, 5) == state.place


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
