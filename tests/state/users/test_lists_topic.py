"""The record of the topic that a partition's lists are on."""

from pathlib import Path
from typing import Any

import pytest

from state.keys import EPOCH_KEY, LISTS_KEY, is_item_name, is_user
from state.users.changelog import Place
from state.users.lists_topic import ListsTopic, read_lists_topic
from state.users.partition import PartitionState
from state.users.plays_epoch import PlaysEpoch
from tests.support.deliveries import Delivered


def test_the_format_of_the_record_stays() -> None:
    """Changelogs have it."""
    value = b'{"topic_id":"AbC-12_xyz","since_ms":1800000000000}'

    assert ListsTopic("AbC-12_xyz", 1_800_000_000_000) == read_lists_topic(value)
    assert value == ListsTopic("AbC-12_xyz", 1_800_000_000_000).encode()


def test_a_state_without_a_record_knows_no_topic() -> None:
    """It is of an older version."""
    assert ListsTopic() == read_lists_topic(None)


@pytest.mark.parametrize(
    ("known", "has_all"), [(ListsTopic("a"), True), (ListsTopic("a", 5), False), (ListsTopic("b"), False)]
)
def test_all_lists_are_on_a_topic_once_that_is_written(known: ListsTopic, *, has_all: bool) -> None:
    """Neither while they are published, nor on another topic."""
    assert has_all == known.has_all("a")


def test_its_key_is_neither_a_user_nor_an_item() -> None:
    """So no reader of the changelog takes it for one."""
    assert not is_user(LISTS_KEY)
    assert not is_item_name(LISTS_KEY)


def test_a_state_remembers_the_topic(tmp_path: Path) -> None:
    """Committed or read from the changelog, and after it was closed; the last one counts."""
    state = PartitionState(tmp_path / "0")
    state.commit([(LISTS_KEY, ListsTopic("a").encode()), (EPOCH_KEY, PlaysEpoch(2, "p").encode())], Place(1, -1))
    assert ListsTopic("a") == state.lists_topic
    state.close()

    state = PartitionState(tmp_path / "0")
    assert ListsTopic("a") == state.lists_topic
    records: list[Any] = [
        Delivered(2, LISTS_KEY, ListsTopic("b", 5).encode()),
        Delivered(3, LISTS_KEY, ListsTopic("b").encode()),
    ]
    state.apply_changelog(records)

    assert ListsTopic("b") == state.lists_topic
    assert PlaysEpoch(2, "p") == state.epoch
    assert [] == list(state.names)
    assert [] == state.users(b"", 10)
    state.close()
    state = PartitionState(tmp_path / "0")
    assert ListsTopic("b") == state.lists_topic
    state.close()
