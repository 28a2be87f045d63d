"""A state compared with the topics on the cluster."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from state.keys import EPOCH_KEY
from state.users.changelog import Place
from state.users.partition import PartitionState
from state.users.plays_epoch import UNFINISHED, PlaysEpoch
from state.users.topic_rules import TopicChangedError, check_changelog, check_partitions, check_plays
from streams.positions import position_of

KNOWN, OTHER = "known-id", "other-id"


@pytest.fixture
def state(tmp_path: Path) -> Iterator[PartitionState]:
    """Give a state of ten plays, in the second epoch."""
    made = PartitionState(tmp_path / "state")
    made.commit([(EPOCH_KEY, PlaysEpoch(1, KNOWN).encode())], Place(20, position_of(1, 9)))
    made.adopt_changelog(KNOWN)
    yield made
    made.close()


def said_of_plays(state: PartitionState, topic_id: str, end: int, seen: int = -1) -> str:
    """Return the sentence about a topic of plays."""
    with pytest.raises(TopicChangedError) as caught:
        check_plays(state, 2, "plays", topic_id, end, seen)
    return str(caught.value)


def test_the_topic_of_the_state_is_accepted(state: PartitionState) -> None:
    """A check raises unless the topic has its id and all records that the state contains."""
    check_plays(state, 2, "plays", KNOWN, 10)
    check_plays(state, 2, "plays", KNOWN, 10, 9)
    check_changelog(state, 2, "changelog", KNOWN, 21)
    check_partitions("plays", 4, 4)


def test_an_unfinished_copy_is_no_state(state: PartitionState) -> None:
    """A worker that begins on it would learn plays without the histories."""
    state.commit([(EPOCH_KEY, PlaysEpoch(2, UNFINISHED).encode())], Place(21, -1))

    expected = (
        "Partition 2 of the state is an unfinished copy: a run of `playfold topics repartition` ended before its last "
        "step. No play of plays was learnt. Stop every worker, and run `playfold topics repartition` again with the "
        "old settings."
    )
    assert expected == said_of_plays(state, KNOWN, 10)


def test_another_id_is_another_topic(state: PartitionState) -> None:
    """However many records it has."""
    expected = (
        "Topic plays is another topic now: its id is other-id, and partition 2 of the state was made from the one with "
        "id known-id. No play of the new topic was learnt. Stop every worker and run `playfold state rebase`, which "
        "keeps the histories and goes on from this topic."
    )
    assert expected == said_of_plays(state, OTHER, 1_000)


@pytest.mark.parametrize(("end", "seen"), [(9, -1), (10, 10)])
def test_a_topic_without_processed_plays_lost_records(state: PartitionState, end: int, seen: int) -> None:
    """By the state, or by delivered offsets."""
    said = said_of_plays(state, KNOWN, end, seen)

    assert said.startswith(
        f"Topic plays ends at offset {end} in partition 2, but its plays up to offset {max(9, seen)} "
    )
    assert "were already processed: it lost records, or it is another topic. Stop every worker" in said


def test_offsets_of_earlier_epochs_are_of_another_topic(tmp_path: Path) -> None:
    """They say nothing about the end of this one."""
    made = PartitionState(tmp_path / "earlier")
    made.commit([(EPOCH_KEY, PlaysEpoch(2, KNOWN).encode())], Place(20, position_of(1, 9)))

    check_plays(made, 0, "plays", KNOWN, 0)
    assert "ends at offset 0 in partition 2, but its plays up to offset 0 " in said_of_plays(made, KNOWN, 0, seen=0)
    made.close()


def test_a_state_of_an_older_version_is_compared_by_its_end(tmp_path: Path) -> None:
    """It accepts any topic that is long enough."""
    made = PartitionState(tmp_path / "old")
    made.commit([], Place(20, 9))

    check_plays(made, 0, "plays", OTHER, 10)
    assert "ends at offset 9" in said_of_plays(made, OTHER, 9)
    made.close()


def test_plays_of_a_later_epoch_do_not_fit(tmp_path: Path) -> None:
    """The record of the epoch was overwritten."""
    made = PartitionState(tmp_path / "later")
    made.commit([(EPOCH_KEY, PlaysEpoch(1, KNOWN).encode())], Place(20, position_of(3, 9)))

    assert "contains plays of epoch 3, but its topic of plays is that of epoch 1" in said_of_plays(made, KNOWN, 50)
    made.close()


@pytest.mark.parametrize(("topic_id", "end", "said"), [
    (OTHER, 50, "Topic changelog is another topic now: its id is other-id, and partition 2 of the state on this disk"),
    (KNOWN, 20, "Topic changelog ends at offset 20 in partition 2, but the state on this disk contains its records"),
])  # fmt: skip
def test_another_changelog_is_refused(state: PartitionState, topic_id: str, end: int, said: str) -> None:
    """With the command that writes the state to it."""
    with pytest.raises(TopicChangedError) as caught:
        check_changelog(state, 2, "changelog", topic_id, end)

    assert str(caught.value).startswith(said)
    assert "run `playfold state rebase --from-disk`" in str(caught.value)


def test_another_number_of_partitions_is_refused() -> None:
    """With both numbers and the command."""
    with pytest.raises(TopicChangedError) as caught:
        check_partitions("plays", 8, 4)

    assert str(caught.value).startswith(
        "Topic plays has 8 partitions now, but PLAYFOLD_PARTITIONS is 4, and listeners "
    )
    assert "run `playfold topics repartition 8`" in str(caught.value)
