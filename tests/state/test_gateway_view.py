"""What a gateway holds of the topics: lists, related items and the catalog, on its disk."""

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
from state.gateway_view import FORMAT_KEY, ITEM, LIST, RELATED, VIEW_S_MAX, HeldList, View, open_view

TOPIC = "recommendations"
Pair = tuple[bytes | None, bytes | None]

# Takes lists, one after the other, until it is killed.
TAKING = """
import sys
from pathlib import Path
from state.gateway_view import LIST, View
view = View(Path(sys.argv[1]))
for number in range(10**9):
    value = b'{"offset":%d,"expires_at_ms":1}' % number + b" " * 20_000  # so that memory is written out now and then
    view.take(LIST, "t", 0, [(b"u%d" % number, value)], number + 1)
    if number == 5000:
        print("taken", flush=True)
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


def take(view: View, *records: Pair, kind: bytes = LIST, place: int = 1) -> list[tuple[str, int]]:
    """Have a view take records of partition 0."""
    return view.take(kind, TOPIC, 0, records, place)


def held_offset(view: View, user_id: str) -> int | None:
    """Return what the held list of a listener reflects."""
    held = view.list_of(user_id)
    return None if held is None else held.offset


def test_what_was_taken_is_held_over_a_restart(tmp_path: Path) -> None:
    """Lists, related items, the catalog, and how far each partition was read."""
    view = View(tmp_path / "view")
    assert [("ann", 7)] == take(view, (b"ann", made(7)), place=12)
    assert [] == take(view, (b"i1", b"related"), kind=RELATED, place=3)
    assert [] == take(view, (b"i1", b"item"), (b"i2", b"other"), kind=ITEM, place=4)
    view.close()

    view = View(tmp_path / "view")

    assert HeldList(7, made(7), 1) == view.list_of("ann")
    assert b"related" == view.related_to("i1")
    assert [b"other", None, b"item"] == view.items(["i2", "i3", "i1"])
    assert [(b"i1", b"item"), (b"i2", b"other")] == list(view.all_items())
    assert 4 == view.place(TOPIC, 0)
    assert 0 == view.place(TOPIC, 1)
    view.close()


def test_a_staler_list_changes_nothing(view: View) -> None:
    """A worker that froze and woke up late wrote it; one that reflects as much takes the place of the one before."""
    take(view, (b"ann", made(7)))

    assert [] == take(view, (b"ann", made(6)))
    assert HeldList(7, made(7), 1) == view.list_of("ann")
    assert [("ann", 7)] == take(view, (b"ann", made(7, "again")))
    assert HeldList(7, made(7, "again"), 1) == view.list_of("ann")


def test_a_staler_list_in_the_same_fetch_changes_nothing(view: View) -> None:
    """It stands behind the fresher one, whose place it must not take."""
    assert [("ann", 7)] == take(view, (b"ann", made(7)), (b"ann", made(6)))

    assert 7 == held_offset(view, "ann")


def test_a_tombstone_removes_a_list_and_all_memory_of_it(view: View) -> None:
    """Whoever was forgotten begins anew, with a list that reflects less than the one before."""
    take(view, (b"ann", made(7)), (b"ben", made(1)))

    assert [("ann", -1)] == take(view, (b"ann", None))
    assert None is view.list_of("ann")
    assert [("ann", 2)] == take(view, (b"ann", made(2)))
    assert [("ann", 3)] == take(view, (b"ann", made(9)), (b"ann", None), (b"ann", made(3)))
    assert 3 == held_offset(view, "ann")
    assert 1 == held_offset(view, "ben")


def expected(records: list[tuple[int, int | None]]) -> dict[int, int]:
    """Return the offsets of the lists that count, one record after the other: the readable twin."""
    found: dict[int, int] = {}
    for user, offset in records:
        if offset is None:
            found.pop(user, None)
        elif offset >= found.get(user, -1):
            found[user] = offset
    return found


@given(
    st.lists(st.tuples(st.integers(0, 1), st.sampled_from([None, 0, 1, 2])), min_size=2, max_size=8),
    st.integers(0, 8),
)
def test_however_records_are_cut_into_fetches_the_same_is_held(
    tmp_path_factory: pytest.TempPathFactory, records: list[tuple[int, int | None]], cut: int
) -> None:
    """The list that reflects most counts, as if records came one by one."""
    view = View(tmp_path_factory.mktemp("view") / "view")
    pairs = [(b"u%d" % user, None if offset is None else made(offset)) for user, offset in records]
    take(view, *pairs[:cut])
    take(view, *pairs[cut:])

    found = {user: held_offset(view, f"u{user}") for user in range(2)}

    assert expected(records) == {user: offset for user, offset in found.items() if offset is not None}
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
def test_what_is_no_list_is_passed_over(view: View, value: bytes) -> None:
    """The list before it stays, what stands behind it is taken, and the place moves on: nobody stops for it."""
    take(view, (b"ann", made(1)))

    changed = take(view, (b"ann", value), (None, made(5)), (b"", made(5)), (b"ben", made(2)), place=9)

    assert [("ben", 2)] == changed
    assert 1 == held_offset(view, "ann")
    assert 9 == view.place(TOPIC, 0)


def test_of_items_the_last_record_counts(view: View) -> None:
    """Also within a fetch; a tombstone removes."""
    take(view, (b"i1", b"1"), (b"i2", b"2"), (b"i1", b"3"), kind=ITEM)
    take(view, (b"i2", None), (b"i3", None), kind=ITEM)
    take(view, (b"i1", b"r1"), (b"i2", b"r2"), kind=RELATED)
    take(view, (b"i2", None), kind=RELATED)

    assert [b"3", None, None] == view.items(["i1", "i2", "i3"])
    assert [b"r1", None] == [view.related_to("i1"), view.related_to("i2")]
    assert [] == view.items([])


def test_listeners_are_found_by_how_their_ids_begin(view: View) -> None:
    """In order, so many at most; of those alone who have a list, whatever else has such a key."""
    assert [] == view.listeners("", 1)
    take(view, *((name.encode(), made(0)) for name in ("anna", "ann", "bob", "ä", "a/b", "an")), (b"ann", None))
    take(view, (b"andrew", b"item"), kind=ITEM)

    assert ["a/b", "an", "anna"] == view.listeners("a", 10)
    assert ["an"] == view.listeners("an", 1)
    assert ["ä"] == view.listeners("ä", 5)
    assert [] == view.listeners("anz", 5)
    assert ["a/b", "an", "anna", "bob", "ä"] == view.listeners("", 10)


@pytest.mark.processes
def test_a_killed_process_leaves_places_that_are_true(tmp_path: Path) -> None:
    """Whatever memory the crash took, nothing is missing before the place from which is read again."""
    command = [sys.executable, "-c", TAKING, str(tmp_path / "view")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as process:
        assert process.stdout is not None
        assert b"taken\n" == process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)

    view = View(tmp_path / "view")

    place = view.place("t", 0)
    assert place > 0
    assert [] == [number for number in range(place) if held_offset(view, f"u{number}") != number]
    view.close()


def test_a_view_of_other_topics_is_begun_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Topics that were deleted and made again have offsets of their own; the log says so."""
    view = open_view(tmp_path / "view", b"first", 0)
    take(view, (b"ann", made(7)), place=12)
    view.mark_current(1)
    view.close()
    view = open_view(tmp_path / "view", b"first", 1)
    assert 12 == view.place(TOPIC, 0)
    view.close()

    with caplog.at_level(logging.WARNING):
        view = open_view(tmp_path / "view", b"second", 1)

    assert 0 == view.place(TOPIC, 0)
    assert view.list_of("ann") is None
    assert b"second" == view.identity
    assert ["view_dropped"] == caplog.messages
    view.close()


@pytest.mark.parametrize(("age_s", "kept"), [(VIEW_S_MAX, True), (VIEW_S_MAX + 1, False)])
def test_an_old_view_is_begun_anew(tmp_path: Path, age_s: float, *, kept: bool) -> None:
    """After half a day it could have missed a tombstone, and show the list of who was forgotten; files may be young."""
    view = open_view(tmp_path / "view", b"", 0)
    take(view, (b"ann", made(7)))
    view.mark_current(1000)
    view.close()

    view = open_view(tmp_path / "view", b"", 1000 + age_s)

    assert kept == (view.list_of("ann") is not None)
    view.close()


@pytest.mark.parametrize(("age_s", "kept"), [(VIEW_S_MAX, True), (VIEW_S_MAX + 1, False)])
def test_a_view_that_never_held_everything_is_as_old_as_its_beginning(
    tmp_path: Path, age_s: float, *, kept: bool
) -> None:
    """Its gateway died while it read, perhaps more than once: it goes on where it was, but not for ever."""
    view = open_view(tmp_path / "view", b"", 5000)
    take(view, (b"ann", made(7)))
    view.close()

    view = open_view(tmp_path / "view", b"", 5000 + age_s)

    assert kept == (view.list_of("ann") is not None)
    view.close()


def test_a_damaged_view_is_a_sentence(tmp_path: Path) -> None:
    """It names the folder and the way out, which works."""
    folder = tmp_path / "view"
    View(folder).close()
    for manifest in folder.glob("MANIFEST-*"):
        manifest.write_bytes(b"nothing")

    with pytest.raises(StateError) as caught:
        View(folder)

    assert str(caught.value).startswith(f"The view in {folder} cannot be opened (")
    assert str(caught.value).endswith("): remove the folder, and it is read anew.")


def test_a_view_of_another_format_is_a_sentence(tmp_path: Path) -> None:
    """A later version wrote it."""
    folder = tmp_path / "view"
    View(folder).close()
    options = rocksdict.Options(raw_mode=True)
    with rocksdict.Rdict(str(folder), options) as found:
        found[FORMAT_KEY] = b"2"

    with pytest.raises(StateError) as caught:
        View(folder)

    assert f"The view in {folder} is of format b'2': remove the folder, and it is read anew." == str(caught.value)
