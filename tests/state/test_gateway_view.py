"""A gateway's view of the topics on its disk: lists, related items and the catalog."""

import logging
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
from state.gateway_view import (
    FORMAT_KEY,
    ITEM,
    LIST,
    RELATED,
    VIEW_S_MAX,
    StoredList,
    View,
    lists_on_disk,
    open_view,
)
from streams.partitioning import partition_of
from streams.positions import position_of

TOPIC = "recommendations"
Pair = tuple[bytes | None, bytes | None]

# Stores lists, one after the other, until it is killed.
STORING = """
import sys
from pathlib import Path
from state.gateway_view import LIST, View
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


def made(offset: int, mark: str = "") -> bytes:
    """Return the record of a list that reflects the play at an offset."""
    return msgspec.json.encode({"offset": offset, "expires_at_ms": 1, "mark": mark})


def store(view: View, *records: Pair, kind: bytes = LIST, next_offset: int = 1) -> list[tuple[str, int]]:
    """Store records of partition 0 in a view."""
    return view.store(kind, TOPIC, 0, records, next_offset)


def stored_offset(view: View, user_id: str) -> int | None:
    """Return the offset of the latest play in a listener's list."""
    stored = view.list_of(user_id)
    return None if stored is None else stored.position


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
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as process:
        assert process.stdout is not None
        assert b"stored\n" == process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)

    view = View(tmp_path / "view")

    next_offset = view.next_offset("t", 0)
    assert next_offset > 0
    assert [] == [number for number in range(next_offset) if stored_offset(view, f"u{number}") != number]
    view.close()


def test_a_view_of_other_topics_is_dropped(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Topics that were deleted and created again have other offsets; the log reports it."""
    view = open_view(tmp_path / "view", b"first", 0)
    store(view, (b"ann", made(7)), next_offset=12)
    view.mark_current(1)
    view.close()
    view = open_view(tmp_path / "view", b"first", 1)
    assert 12 == view.next_offset(TOPIC, 0)
    view.close()

    with caplog.at_level(logging.WARNING):
        view = open_view(tmp_path / "view", b"second", 1)

    assert 0 == view.next_offset(TOPIC, 0)
    assert view.list_of("ann") is None
    assert b"second" == view.identity
    assert ["view_dropped"] == caplog.messages
    view.close()


@pytest.mark.parametrize(("age_s", "is_kept"), [(VIEW_S_MAX, True), (VIEW_S_MAX + 1, False)])
def test_an_old_view_is_dropped(tmp_path: Path, age_s: float, *, is_kept: bool) -> None:
    """After half a day it could have missed a tombstone and show a forgotten listener's list."""
    view = open_view(tmp_path / "view", b"", 0)
    store(view, (b"ann", made(7)))
    view.mark_current(1000)
    view.close()

    view = open_view(tmp_path / "view", b"", 1000 + age_s)

    assert is_kept == (view.list_of("ann") is not None)
    view.close()


@pytest.mark.parametrize(("age_s", "is_kept"), [(VIEW_S_MAX, True), (VIEW_S_MAX + 1, False)])
def test_a_view_that_was_never_current_is_as_old_as_its_creation(
    tmp_path: Path, age_s: float, *, is_kept: bool
) -> None:
    """Its gateway crashed while it read, perhaps repeatedly: it resumes, but not after half a day."""
    view = open_view(tmp_path / "view", b"", 5000)
    store(view, (b"ann", made(7)))
    view.close()

    view = open_view(tmp_path / "view", b"", 5000 + age_s)

    assert is_kept == (view.list_of("ann") is not None)
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


HOME = partition_of("ann", 4)
OTHER, THIRD = (HOME + 1) % 4, (HOME + 2) % 4


def made_of(plays: int, offset: int = 1) -> bytes:
    """Return the record of a list that reflects so many plays."""
    return msgspec.json.encode({"offset": offset, "expires_at_ms": 1, "plays": plays})


def plays_of(view: View) -> int | None:
    """Return the plays that ann's list reflects."""
    stored = view.list_of("ann")
    return None if stored is None else int(msgspec.json.decode(stored.value)["plays"])


def put(view: View, partition: int, value: bytes | None, user: str = "ann") -> None:
    """Store a list of ann's, or of another listener, that came from a partition."""
    view.store(LIST, TOPIC, partition, [(user.encode(), value)], 1)


def test_of_lists_on_several_partitions_the_one_with_most_plays_is_given_out(tmp_path: Path) -> None:
    """Their offsets are of different logs; of equals it is that of the key's own partition."""
    view = View(tmp_path / "view", n_partitions=4)
    put(view, OTHER, made_of(5, offset=1000))
    assert 5 == plays_of(view)
    put(view, HOME, made_of(9, offset=3))
    put(view, THIRD, made_of(7, offset=9999))

    assert 9 == plays_of(view)
    assert [3, 1000, 9999] == [view.reflected_position("ann", number) for number in (HOME, OTHER, THIRD)]
    put(view, OTHER, made_of(9, offset=2000))
    assert 3 == (view.list_of("ann") or StoredList(0, b"", 0)).position
    view.close()


def test_a_tombstone_removes_the_list_of_its_partition_alone(tmp_path: Path) -> None:
    """The others stand until theirs come, also after a restart."""
    view = View(tmp_path / "view", n_partitions=4)
    put(view, HOME, made_of(9))
    put(view, OTHER, made_of(5))
    put(view, HOME, None)
    view.close()
    view = View(tmp_path / "view", n_partitions=4)

    assert 5 == plays_of(view)
    put(view, OTHER, None)
    assert plays_of(view) is None
    view.close()


def test_listeners_with_a_misplaced_list_are_found(tmp_path: Path) -> None:
    """Each once, in order."""
    view = View(tmp_path / "view", n_partitions=4)
    for user in ("anna", "ann", "bob"):
        for partition in range(4):
            put(view, partition, made_of(1), user)
    put(view, (partition_of("andy", 4) + 1) % 4, made_of(1), "andy")

    assert ["andy", "ann", "anna"] == view.listeners("an", 9)
    assert ["andy", "ann"] == view.listeners("an", 2)
    view.close()


def test_the_lists_on_the_disk_are_found_by_partition(tmp_path: Path) -> None:
    """With the place that the files have reached."""
    view = View(tmp_path / "view", n_partitions=4)
    put(view, HOME, made_of(9))
    put(view, OTHER, made_of(5))
    view.close()

    assert {HOME: 1, OTHER: 1} == lists_on_disk(tmp_path / "view", "ann", TOPIC, HOME, 4)
    assert {} == lists_on_disk(tmp_path / "view", "ben", TOPIC, partition_of("ben", 4), 4)


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
