"""The plan of a rebase: which partitions move, and to which epoch."""

import pytest

from jobs.topics.errors import MoveError
from jobs.topics.rebase import Cluster, check_finished, plan
from jobs.topics.scan import PartitionScan
from state.keys import EPOCH_KEY, item_name_key
from state.users.plays_epoch import UNFINISHED, PlaysEpoch
from state.users.record import UserRecord
from streams.messages.generations import StateTopics
from streams.positions import position_of
from streams.readers.log_reader import Span
from streams.topics.identity import TopicIdentity
from tests.support.deliveries import Delivered
from tests.support.settings import settings_with

CLUSTER = Cluster(
    TopicIdentity("new", {0: 1, 1: 1}), TopicIdentity("changelog", {0: 1, 1: 1}), {0: Span(0, 10), 1: Span(0, 10)}
)


def scan(epoch: int, topic_id: str, highest: int = -1) -> PartitionScan:
    """Return the scan of a partition."""
    return PartitionScan(PlaysEpoch(epoch, topic_id), highest)


@pytest.mark.parametrize(("scans", "epoch", "moving"), [
    ([scan(0, "new", 9), scan(0, "new")], 0, []),
    ([scan(0, "", 9), scan(0, "")], 0, []),
    ([scan(0, "old", 9), scan(0, "old")], 1, [0, 1]),
    ([scan(3, "old", position_of(3, 5)), scan(3, "old")], 4, [0, 1]),
    ([scan(0, "new", 10), scan(0, "new")], 1, [0, 1]),
    ([scan(0, "", 10), scan(0, "")], 1, [0, 1]),
    ([scan(1, "new", 5_000), scan(0, "old", 5_000)], 1, [1]),
    ([scan(1, "new", position_of(1, 4)), scan(0, "new", 5)], 1, [1]),
    ([scan(1, "new", position_of(1, 4)), scan(1, "new", 5_000)], 1, []),
    ([scan(0, "new", position_of(2, 4)), scan(0, "new", 5)], 3, [0, 1]),
])  # fmt: skip
def test_partitions_move_to_one_epoch(scans: list[PartitionScan], epoch: int, moving: list[int]) -> None:
    """All of them if the topic is another one or lost records; after a killed rebase, those that are left."""
    assert (epoch, moving) == plan(dict(enumerate(scans)), CLUSTER, None, force=False)


def test_a_forced_rebase_always_begins_an_epoch() -> None:
    """An operator knows of a restore that offsets do not show."""
    assert (1, [0]) == plan({0: scan(0, "new", 3)}, CLUSTER, None, force=True)


def test_a_forced_rebase_that_was_killed_is_finished() -> None:
    """Partitions of its epoch stay as they are, and no further epoch begins."""
    killed = {0: scan(1, "new"), 1: scan(0, "new", 3)}

    assert (1, [1]) == plan(killed, CLUSTER, None, force=True)


@pytest.mark.parametrize(("scans", "known", "epoch", "moving"), [
    ([scan(0, ""), scan(0, "")], ("new", 2), 2, [0, 1]),
    ([scan(0, ""), scan(0, "")], ("old", 2), 3, [0, 1]),
    ([scan(0, ""), scan(0, "")], ("new", 0), 0, []),
    ([scan(0, "old", 9), scan(0, "old")], ("old", 2), 3, [0, 1]),
    ([scan(3, "new"), scan(0, "")], ("old", 2), 3, [1]),
    ([scan(2, "new", position_of(2, 5)), scan(2, "new")], ("new", 2), 2, []),
])  # fmt: skip
def test_an_epoch_is_never_below_that_of_the_lists(
    scans: list[PartitionScan], known: tuple[str, int], epoch: int, moving: list[int]
) -> None:
    """A changelog that was made again forgot it, but readers would take lists of an earlier epoch for old ones."""
    published = StateTopics(plays_id=known[0], changelog_id="former", epoch=known[1], partitions=2)

    assert (epoch, moving) == plan(dict(enumerate(scans)), CLUSTER, published, force=False)


def test_an_unfinished_copy_is_not_rebased() -> None:
    """It would begin an epoch with a part of the histories."""
    with pytest.raises(MoveError) as caught:
        check_finished({0: scan(1, "new"), 1: scan(1, UNFINISHED)}, settings_with())

    assert (
        "The state in topic playfold-users-changelog is an unfinished copy (partition 1): run `playfold topics "
        "repartition` again with the settings of the old topics." == str(caught.value)
    )


def test_a_scan_reads_epochs_and_positions() -> None:
    """Names, tombstones and the records of late workers change nothing."""
    read = PartitionScan()
    records = [
        (item_name_key(5), b"i5"),
        (EPOCH_KEY, PlaysEpoch(1, "new").encode()),
        (b"ann", UserRecord(applied_offset=position_of(1, 4)).encode()),
        (b"ben", UserRecord(applied_offset=5_000).encode()),
        (b"ben", None),
        (EPOCH_KEY, PlaysEpoch(0, "old").encode()),
    ]
    for offset, (key, value) in enumerate(records):
        read.take(Delivered(offset, key, value))

    assert PlaysEpoch(1, "new") == read.recorded
    assert 1 == read.epoch
    assert 4 == read.applied_offset
