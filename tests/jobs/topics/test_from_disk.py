"""The states on a disk that are written to a changelog."""

from pathlib import Path

import pytest

from jobs.topics import from_disk as module
from jobs.topics.from_disk import (
    Wrote,
    describe_uncertain,
    find_newest,
    offset_to_take_back,
    remove_states,
    uncertain_offset,
)
from state.keys import EPOCH_KEY, LISTS_KEY, item_name_key
from state.users.changelog import Place
from state.users.lists_topic import ListsTopic
from state.users.partition import PartitionState
from state.users.plays_epoch import PlaysEpoch
from streams.outbox import Item
from streams.positions import position_of
from streams.readers.lag import GroupOffsets

PRESENT, FORMER, EARLIER = "present-id", "former-id", "earlier-id"


def made(folder: Path, changelog_id: str, offset: int) -> Path:
    """Make a state that contains a changelog up to an offset."""
    state = PartitionState(folder)
    state.commit([(b"ann", b"")], Place(offset, 9))
    state.adopt_changelog(changelog_id)
    state.close()
    return folder


def test_the_newest_state_contains_most_of_the_former_changelog(tmp_path: Path) -> None:
    """Of an earlier changelog, larger offsets say nothing."""
    earlier, old = made(tmp_path / "a", EARLIER, 5_000), made(tmp_path / "b", FORMER, 20)
    new = made(tmp_path / "c", FORMER, 30)

    assert new == find_newest([earlier, new, old], PRESENT, FORMER)
    assert earlier == find_newest([old, earlier, new], PRESENT, "")
    assert earlier == find_newest([earlier], PRESENT, FORMER)


def test_a_state_of_the_present_changelog_stays(tmp_path: Path) -> None:
    """Beside it, an older one is not written; an empty one is none."""
    folders = [made(tmp_path / "a", FORMER, 30), made(tmp_path / "b", PRESENT, 2)]

    assert None is find_newest(folders, PRESENT, FORMER)
    assert None is find_newest([made(tmp_path / "c", FORMER, -1)], PRESENT, FORMER)
    assert None is find_newest([], PRESENT, FORMER)


def test_a_look_changes_no_folder(tmp_path: Path) -> None:
    """Neither a file nor a time."""
    folder = made(tmp_path / "a", FORMER, 30)
    before = {path: path.stat().st_mtime_ns for path in [folder, *folder.rglob("*")]}

    find_newest([folder], PRESENT, FORMER)

    assert before == {path: path.stat().st_mtime_ns for path in [folder, *folder.rglob("*")]}


def test_the_newest_state_is_removed_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that dies in between writes it again, not an older one."""
    newest, old = made(tmp_path / "a", FORMER, 30), made(tmp_path / "b", FORMER, 20)
    removed = list[Path]()
    monkeypatch.setattr(module, "remove_folder", removed.append)

    remove_states([newest, old], newest)

    assert [old, newest] == removed


@pytest.mark.parametrize(("applied", "epoch", "topic_id", "committed", "expected"), [
    (9, 0, "plays-id", 15, 10),
    (position_of(2, 9), 2, "plays-id", 15, 10),
    (9, 0, "", 15, 10),
    (-1, 0, "plays-id", 15, 0),
    (9, 0, "plays-id", 10, None),
    (9, 0, "plays-id", 4, None),
    (9, 0, "plays-id", None, None),
    (9, 0, "other-id", 15, None),
    (9, 1, "plays-id", 15, None),
])  # fmt: skip
def test_the_committed_offset_goes_back_to_the_plays_on_the_disk(
    applied: int, epoch: int, topic_id: str, committed: int | None, expected: int | None
) -> None:
    """Unless the state is of another topic or epoch, or workers go on from an earlier offset anyway."""
    wrote = Wrote(3, applied, epoch, topic_id)

    assert expected == offset_to_take_back(wrote, "plays-id", GroupOffsets(committed, 0, 20))


def test_a_state_without_a_play_of_its_epoch_goes_back_to_its_beginning() -> None:
    """The plays since then are all missing, and earlier ones do not count in the epoch."""
    wrote, offsets = Wrote(3, 9, 1, "plays-id", 12), GroupOffsets(15, 4, 20)

    assert 12 == offset_to_take_back(wrote, "plays-id", offsets)
    assert None is offset_to_take_back(wrote, "plays-id", GroupOffsets(12, 4, 20))
    assert None is offset_to_take_back(wrote, "other-id", offsets)
    assert None is uncertain_offset(wrote, "plays-id", offsets)


def test_a_partition_that_plays_do_not_have_has_no_offset() -> None:
    """Of a topic with fewer partitions."""
    assert None is offset_to_take_back(Wrote(3, 9, 0, "plays-id"), "plays-id", None)
    assert None is uncertain_offset(Wrote(3, 9, 1, "plays-id"), "plays-id", None)


@pytest.mark.parametrize(("applied", "epoch", "topic_id", "committed", "expected"), [
    (9, 1, "plays-id", 15, 15),
    (-1, 1, "plays-id", 15, 15),
    (position_of(1, 9), 1, "plays-id", 15, None),
    (9, 0, "plays-id", 15, None),
    (-1, 0, "plays-id", 15, None),
    (9, 1, "other-id", 15, None),
    (9, 1, "plays-id", 4, None),
    (9, 1, "plays-id", None, None),
])  # fmt: skip
def test_a_state_without_a_play_of_its_epoch_may_lack_plays(
    applied: int, epoch: int, topic_id: str, committed: int | None, expected: int | None
) -> None:
    """If an older version began the epoch, unless workers go on from the first offset, or begin another topic anew."""
    wrote = Wrote(3, applied, epoch, topic_id)

    assert expected == uncertain_offset(wrote, "plays-id", GroupOffsets(committed, 4, 20))


def test_a_note_names_the_partition_and_the_way_out() -> None:
    """With the offset that stays."""
    assert (
        "The state of partition 1 has no play since the last rebase or repartition, and its committed offset stays: "
        "1,200. Plays since then that the disk lacks are not learned, unless you run `playfold state rebase --force "
        "--from TIME` with the time of that rebase or repartition."
    ) == describe_uncertain(1, 1_200)


def test_the_topics_of_a_state_are_written_last(tmp_path: Path) -> None:
    """Workers then see whether their lists are on the present topic, and refuse other plays."""
    state = PartitionState(tmp_path / "a")
    topics: list[Item] = [(LISTS_KEY, ListsTopic("l").encode()), (EPOCH_KEY, PlaysEpoch(2, "p").encode())]
    state.commit([*topics, (b"ann", b"record"), (item_name_key(5), b"i5")], Place(3, 9))

    written = [item for batch in module._batches(state) for item in batch]  # noqa: SLF001  the order on the topic
    state.close()

    assert [(item_name_key(5), b"i5"), (b"ann", b"record"), *topics] == written
