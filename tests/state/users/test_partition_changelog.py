"""A partition's state that is read from its changelog: the record with the highest applied offset wins."""

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
from state.users.record import RecordFormatError
from state.users.record_bytes import applied_offset_of
from tests.state.users.changelog_records import logged, record, reopen

# Changelogs after a frozen worker wakes up late: repeated, overtaken, deleted.
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
