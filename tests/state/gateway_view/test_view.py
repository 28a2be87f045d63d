"""A gateway's view of the topics on its disk: lists, related items and the catalog."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import rocksdict
from hypothesis import given
from hypothesis import strategies as st

from state.errors import StateError
from state.gateway_view.keys import ITEM, LIST, RELATED
from state.gateway_view.open_view import open_view
from state.gateway_view.stored_list import StoredList
from state.gateway_view.view import FORMAT_KEY, View
from streams.partitioning import partition_of
from streams.positions import position_of
from tests.state.gateway_view.records import TOPIC, made, store, stored_offset

# Stores lists, one after the other, until it is killed.
STORING = """
import sys
from pathlib import Path
from state.gateway_view.keys import LIST
from state.gateway_view.view import View
view = View(Path(sys.argv[1]))
for number in range(10**9):
    value = b'{"offset":%d,"expires_at_ms":1}' % number + b" " * 20_000  # so that memory is written out now and then
    view.store(LIST, "t", 0, [(b"u%d" % number, value)], number + 1)
    if number == 5000:
        print("stored", flush=True)
"""


@pytest.fixture
def view(tmp_path: Path) -> Iterator[View]:
    """Give an empty view."""
    opened = View(tmp_path / "view")
    yield opened
    opened.close()


def test_stored_records_survive_a_restart(tmp_path: Path) -> None:
    """Lists, related items, catalog records, and the next offset of each partition."""
    view = View(tmp_path / "view")
    assert [("ann", 7)] == store(view, (b"ann", made(7)), next_offset=12)
    assert [] == store(view, (b"i1", b"related"), kind=RELATED, next_offset=3)
    assert [] == store(view, (b"i1", b"item"), (b"i2", b"other"), kind=ITEM, next_offset=4)
    view.close()

    view = View(tmp_path / "view")

    assert StoredList(7, made(7), 1) == view.list_of("ann")
    assert b"related" == view.related_to("i1")
    assert [b"other", None, b"item"] == view.items(["i2", "i3", "i1"])
    assert [(b"i1", b"item"), (b"i2", b"other")] == list(view.all_items())
    assert 4 == view.next_offset(TOPIC, 0)
    assert 0 == view.next_offset(TOPIC, 1)
    view.close()


def test_a_staler_list_changes_nothing(view: View) -> None:
    """A worker that froze and resumed late wrote it. A list of the same offset replaces the one before."""
    store(view, (b"ann", made(7)))

    assert [] == store(view, (b"ann", made(6)))
    assert StoredList(7, made(7), 1) == view.list_of("ann")
    assert [("ann", 7)] == store(view, (b"ann", made(7, "again")))
    assert StoredList(7, made(7, "again"), 1) == view.list_of("ann")


def test_a_staler_list_in_the_same_fetch_changes_nothing(view: View) -> None:
    """It comes after the newer one and must not replace it."""
    assert [("ann", 7)] == store(view, (b"ann", made(7)), (b"ann", made(6)))

    assert 7 == stored_offset(view, "ann")


def test_a_tombstone_removes_a_list_and_its_offset(view: View) -> None:
    """A forgotten listener starts again, with a list of an earlier offset than the one before."""
    store(view, (b"ann", made(7)), (b"ben", made(1)))

    assert [("ann", -1)] == store(view, (b"ann", None))
    assert None is view.list_of("ann")
    assert [("ann", 2)] == store(view, (b"ann", made(2)))
    assert [("ann", 3)] == store(view, (b"ann", made(9)), (b"ann", None), (b"ann", made(3)))
    assert 3 == stored_offset(view, "ann")
    assert 1 == stored_offset(view, "ben")


def expected(records: list[tuple[int, int | None]]) -> dict[int, int]:
    """Return the offsets of the stored lists, by applying one record after the other: the readable twin."""
    offsets: dict[int, int] = {}
    for user, offset in records:
        if offset is None:
            offsets.pop(user, None)
        elif offset >= offsets.get(user, -1):
            offsets[user] = offset
    return offsets


@given(
    st.lists(st.tuples(st.integers(0, 1), st.sampled_from([None, 0, 1, 2])), min_size=2, max_size=8),
    st.integers(0, 8),
)
def test_the_division_into_fetches_makes_no_difference(
    tmp_path_factory: pytest.TempPathFactory, records: list[tuple[int, int | None]], cut: int
) -> None:
    """The latest list is stored, as if records came one by one."""
    view = View(tmp_path_factory.mktemp("view") / "view")
    pairs = [(b"u%d" % user, None if offset is None else made(offset)) for user, offset in records]
    store(view, *pairs[:cut])
    store(view, *pairs[cut:])

    offsets = {user: stored_offset(view, f"u{user}") for user in range(2)}

    assert expected(records) == {user: offset for user, offset in offsets.items() if offset is not None}
    view.close()


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"no list",
        b"{}",
        b"\xff",
        b"[" * 5000,
        b'{"offset":"7","expires_at_ms":1}',
        b'{"offset":-2,"expires_at_ms":1}',
        b'{"offset":9223372036854775808,"expires_at_ms":1}',
    ],
)
def test_a_value_that_is_no_list_is_ignored(view: View, value: bytes) -> None:
    """The list before it stays, the records after it are stored, and the next offset moves on."""
    store(view, (b"ann", made(1)))

    changed = store(view, (b"ann", value), (None, made(5)), (b"", made(5)), (b"ben", made(2)), next_offset=9)

    assert [("ben", 2)] == changed
    assert 1 == stored_offset(view, "ann")
    assert 9 == view.next_offset(TOPIC, 0)


def test_the_last_record_of_an_item_is_stored(view: View) -> None:
    """It may be in the same fetch; a tombstone removes the item."""
    store(view, (b"i1", b"1"), (b"i2", b"2"), (b"i1", b"3"), kind=ITEM)
    store(view, (b"i2", None), (b"i3", None), kind=ITEM)
    store(view, (b"i1", b"r1"), (b"i2", b"r2"), kind=RELATED)
    store(view, (b"i2", None), kind=RELATED)

    assert [b"3", None, None] == view.items(["i1", "i2", "i3"])
    assert [b"r1", None] == [view.related_to("i1"), view.related_to("i2")]
    assert [] == view.items([])


def test_listeners_are_searched_by_a_prefix_of_their_ids(view: View) -> None:
    """In order, at most n, and only listeners with a list."""
    assert [] == view.listeners("", 1)
    store(view, *((name.encode(), made(0)) for name in ("anna", "ann", "bob", "ä", "a/b", "an")), (b"ann", None))
    store(view, (b"andrew", b"item"), kind=ITEM)

    assert ["a/b", "an", "anna"] == view.listeners("a", 10)
    assert ["an"] == view.listeners("an", 1)
    assert ["ä"] == view.listeners("ä", 5)
    assert [] == view.listeners("anz", 5)
    assert ["a/b", "an", "anna", "bob", "ä"] == view.listeners("", 10)


@pytest.mark.processes
def test_a_killed_process_leaves_no_gap_before_the_next_offset(tmp_path: Path) -> None:
    """The crash loses records in memory, but none before the next offset on the disk."""
    command = [sys.executable, "-c", STORING, str(tmp_path / "view")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]) as process:
        assert process.stdout is not None
        assert b"stored\n" == process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)

    view = View(tmp_path / "view")

    next_offset = view.next_offset("t", 0)
    assert next_offset > 0
    assert [] == [number for number in range(next_offset) if stored_offset(view, f"u{number}") != number]
    view.close()


def test_a_damaged_view_is_an_error(tmp_path: Path) -> None:
    """The message names the folder and the way out."""
    folder = tmp_path / "view"
    View(folder).close()
    for manifest in folder.glob("MANIFEST-*"):
        manifest.write_bytes(b"nothing")

    with pytest.raises(StateError) as caught:
        View(folder)

    assert str(caught.value).startswith(f"The view in {folder} cannot be opened (")
    assert str(caught.value).endswith("): remove the folder, and it is read anew.")


def test_a_view_of_another_format_is_an_error(tmp_path: Path) -> None:
    """A later version wrote it."""
    folder = tmp_path / "view"
    View(folder).close()
    options = rocksdict.Options(raw_mode=True)
    with rocksdict.Rdict(str(folder), options) as database:
        database[FORMAT_KEY] = b"2"

    with pytest.raises(StateError) as caught:
        View(folder)

    assert f"The view in {folder} is of format b'2': remove the folder, and it is read anew." == str(caught.value)


def test_a_list_of_a_later_epoch_replaces_those_before(view: View) -> None:
    """Its offset is of another topic of plays; a late worker of the old topic changes nothing."""
    later = msgspec.json.encode({"offset": 3, "epoch": 1, "expires_at_ms": 1})
    store(view, (b"ann", made(5_000)))

    assert [("ann", position_of(1, 3))] == store(view, (b"ann", later))
    assert [] == store(view, (b"ann", made(6_000)))
    assert StoredList(position_of(1, 3), later, 1) == view.list_of("ann")


def test_a_topic_that_was_made_again_leaves_nothing(tmp_path: Path) -> None:
    """Its records and offsets are removed, also lists on other partitions; those of other topics remain."""
    view = View(tmp_path / "view", b"first", n_partitions=4)
    home = partition_of("ann", 4)
    for partition in (home, (home + 1) % 4):
        view.store(LIST, TOPIC, partition, [(b"ann", made(7))], 12)
    view.store(RELATED, "related", 0, [(b"i1", b"{}")], 3)
    view.store(ITEM, f"{TOPIC}-2", 0, [(b"i1", b"{}")], 4)

    view.remove_topic(LIST, TOPIC, b"second")

    assert view.list_of("ann") is None
    assert [] == view.misplaced_partitions("ann")
    assert [] == view.listeners("", 10)
    assert [0, 0] == [view.next_offset(TOPIC, partition) for partition in (home, (home + 1) % 4)]
    assert b"{}" == view.related_to("i1")
    assert [3, 4] == [view.next_offset("related", 0), view.next_offset(f"{TOPIC}-2", 0)]
    view.store(LIST, TOPIC, home, [(b"ann", made(1))], 1)
    view.close()
    view = open_view(tmp_path / "view", b"second", 0, 4)
    assert 1 == view.next_offset(TOPIC, home)
    assert [] == view.misplaced_partitions("ann")
    assert 1 == (view.reflected_position("ann", home) or 0)
    view.close()
