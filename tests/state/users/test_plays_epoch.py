"""The record of the epoch, in a state and in its changelog."""

from dataclasses import dataclass
from pathlib import Path

from state.keys import EPOCH_KEY, is_item_name, is_user, item_name_key
from state.users.changelog import Place
from state.users.partition import PartitionState
from state.users.plays_epoch import PlaysEpoch, read_epoch
from state.users.record import UserRecord
from state.users.record_bytes import applied_offset_of
from streams.positions import position_of


@dataclass
class Logged:
    """A record of the changelog."""

    offset: int
    key: bytes
    value: bytes | None


def test_a_state_without_a_record_is_in_the_first_epoch(tmp_path: Path) -> None:
    """Of an unknown topic, as every state of an older version."""
    state = PartitionState(tmp_path / "state")

    assert PlaysEpoch() == state.epoch == read_epoch(None)
    state.close()


def test_the_format_of_the_record_stays() -> None:
    """Changelogs have it; those of older versions do not say where the epoch began."""
    value = b'{"epoch":2,"topic_id":"id","start":1200}'

    assert value == PlaysEpoch(2, "id", 1200).encode()
    assert PlaysEpoch(2, "id", 1200) == read_epoch(value)
    assert PlaysEpoch(2, "id", -1) == read_epoch(b'{"epoch":2,"topic_id":"id"}')
    assert PlaysEpoch(2, "id") == read_epoch(value).without_start


def test_the_epoch_is_on_the_disk(tmp_path: Path) -> None:
    """As the id of the changelog is."""
    state = PartitionState(tmp_path / "state")
    state.commit([(EPOCH_KEY, PlaysEpoch(2, "id").encode())], Place(0, -1))
    state.adopt_changelog("changelog-id")
    state.close()

    again = PartitionState(tmp_path / "state")
    assert PlaysEpoch(2, "id") == again.epoch
    assert "changelog-id" == again.changelog_id
    assert [] == again.users(b"", 10)
    assert [] == list(again.names)
    again.close()


def test_recovery_keeps_the_highest_epoch(tmp_path: Path) -> None:
    """A late worker may write the record of an earlier one."""
    state = PartitionState(tmp_path / "state")
    records = [Logged(at, EPOCH_KEY, PlaysEpoch(epoch, f"id{at}").encode()) for at, epoch in enumerate([0, 2, 1])]

    state.apply_changelog(records)
    assert PlaysEpoch(2, "id1") == state.epoch
    state.apply_changelog([Logged(3, EPOCH_KEY, PlaysEpoch(2, "id3").encode())])
    assert PlaysEpoch(2, "id3") == state.epoch
    state.apply_changelog([Logged(4, EPOCH_KEY, PlaysEpoch(1, "id4").encode())])
    assert PlaysEpoch(2, "id3") == state.epoch
    state.close()
    again = PartitionState(tmp_path / "state")
    assert PlaysEpoch(2, "id3") == again.epoch
    again.close()


def test_a_record_of_a_later_epoch_outranks_all_earlier_offsets(tmp_path: Path) -> None:
    """Though its offset is lower: a late worker of the old topic cannot overwrite it."""
    state = PartitionState(tmp_path / "state")
    later, earlier = (UserRecord(applied_offset=at).encode() for at in (position_of(1, 3), position_of(0, 5_000)))

    n_outranked = state.apply_changelog([Logged(0, b"ann", later), Logged(1, b"ann", earlier)])

    (value,) = state.read([b"ann"])
    assert 1 == n_outranked
    assert position_of(1, 3) == applied_offset_of(value or b"")
    state.close()


def test_the_key_is_neither_a_user_nor_an_item() -> None:
    """So no reader takes its value for a record or a name."""
    assert not is_user(EPOCH_KEY)
    assert not is_item_name(EPOCH_KEY)
    assert is_item_name(item_name_key(5))
    assert not is_user(item_name_key(5))
    assert is_user(b"epoch")
