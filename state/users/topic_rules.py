"""The rules by which a partition's state recognises that a topic is another one than it was made from."""

from typing import NamedTuple

from state.errors import StateError
from state.users.changelog import Place
from state.users.partition import PartitionState
from state.users.plays_epoch import PlaysEpoch
from streams.positions import epoch_of, offset_of

REBASE = "Stop every worker and run `playfold state rebase`, which keeps the histories and goes on from this topic."

FINISH = "Stop every worker, and run `playfold topics repartition` again with the old settings."


class TopicChangedError(StateError):
    """A topic is not the one that the state was made from. Nothing was learnt from it: the message has the command."""


class Known(NamedTuple):
    """The topics of a partition's state, and its place in them, at one moment."""

    epoch: PlaysEpoch
    changelog_id: str
    place: Place


def known_of(state: PartitionState) -> Known:
    """Return the topics that a state knows, and its place in them."""
    return Known(state.epoch, state.changelog_id, state.place)


def check_plays_id(state: Known | PartitionState, partition: int, topic: str, topic_id: str) -> None:
    """Compare the topic of plays that a partition's state was made from with another id.

    Args:
        state: The state, whose topic may be unknown.
        partition: Its number.
        topic: Name of the topic.
        topic_id: The present id, or the one by which plays were fetched.

    Raises:
        TopicChangedError: The ids differ, or the state is an unfinished copy.
    """
    if state.epoch.is_unfinished:
        message = (
            f"Partition {partition} of the state is an unfinished copy: a run of `playfold topics repartition` ended "
            f"before its last step. No play of {topic} was learnt. {FINISH}"
        )
        raise TopicChangedError(message)
    if state.epoch.topic_id and state.epoch.topic_id != topic_id:
        message = (
            f"Topic {topic} is another topic now: its id is {topic_id}, and partition {partition} of the state was "
            f"made from the one with id {state.epoch.topic_id}. No play of the new topic was learnt. {REBASE}"
        )
        raise TopicChangedError(message)


def check_fetched(topic: str, topic_id: str, fetched_id: str) -> None:
    """Check that the topic that a worker fetches exists.

    Raises:
        TopicChangedError: The present topic has another id, so nothing is fetched any more.
    """
    if fetched_id and fetched_id != topic_id:
        message = (
            f"Topic {topic} is another topic now: its id is {topic_id}, and this worker fetches the one with id "
            f"{fetched_id}. Start the worker again."
        )
        raise TopicChangedError(message)


def check_plays(
    state: Known | PartitionState, partition: int, topic: str, topic_id: str, end: int, seen: int = -1
) -> None:
    """Compare a partition's state with the present topic of plays.

    Args:
        state: The state.
        partition: Its number.
        topic: Name of the topic.
        topic_id: Its present id.
        end: The offset after its last record.
        seen: The highest offset that was delivered from the topic.

    Raises:
        TopicChangedError: The state is an unfinished copy, or the topic has another id, or it ends before a play that
            the state contains.
    """
    check_plays_id(state, partition, topic, topic_id)
    known = state.epoch
    last = state.place.applied_offset_max
    if epoch_of(last) > known.epoch:
        message = (
            f"Partition {partition} of the state contains plays of epoch {epoch_of(last)}, but its topic of plays is "
            f"that of epoch {known.epoch}: another program wrote to the users changelog. {REBASE}"
        )
        raise TopicChangedError(message)
    highest = max(offset_of(last) if epoch_of(last) == known.epoch else -1, seen)
    if highest >= end:
        message = (
            f"Topic {topic} ends at offset {end:,} in partition {partition}, but its plays up to offset {highest:,} "
            f"were already processed: it lost records, or it is another topic. {REBASE}"
        )
        raise TopicChangedError(message)


def check_changelog(state: Known | PartitionState, partition: int, topic: str, topic_id: str, end: int) -> None:
    """Compare a partition's state with the present changelog.

    Args:
        state: The state.
        partition: Its number.
        topic: Name of the changelog.
        topic_id: Its present id.
        end: The offset after its last record.

    Raises:
        TopicChangedError: It has another id, or it ends before a record that the state contains.
    """
    if state.changelog_id and state.changelog_id != topic_id:
        message = (
            f"Topic {topic} is another topic now: its id is {topic_id}, and partition {partition} of the state on this "
            f"disk belongs to the one with id {state.changelog_id}. {_CHANGELOG}"
        )
        raise TopicChangedError(message)
    if state.place.changelog_offset >= end:
        raise changelog_too_short(state, partition, topic, end)


def changelog_too_short(state: Known | PartitionState, partition: int, topic: str, end: int) -> TopicChangedError:
    """Return the error of a changelog that ends before a record that the state contains."""
    return TopicChangedError(
        f"Topic {topic} ends at offset {end:,} in partition {partition}, but the state on this disk contains its "
        f"records up to offset {state.place.changelog_offset:,}: it lost records, or it is another topic. {_CHANGELOG}"
    )


_CHANGELOG = (
    "Stop every worker and run `playfold state rebase --from-disk` on the machine with the state, which writes it to "
    "the present changelog; or delete the folder of the state, and the changelog that exists is the state."
)


def check_published_plays(topic: str, topic_id: str, published_id: str) -> None:
    """Compare the topic of plays with the one that workers published, for a state that does not know any.

    Raises:
        TopicChangedError: It is another one.
    """
    if topic_id != published_id:
        message = (
            f"Topic {topic} is another topic now: its id is {topic_id}, and the workers' state was made from the one "
            f"with id {published_id}. No play of the new topic was learnt. {REBASE}"
        )
        raise TopicChangedError(message)


def check_published_changelog(topic: str, topic_id: str, published_id: str) -> None:
    """Compare the changelog with the one that workers published, for a disk without a state.

    Raises:
        TopicChangedError: It is another one, so the histories are not in it.
    """
    if topic_id != published_id:
        message = (
            f"Topic {topic} is another topic now: its id is {topic_id}, and the workers' state belongs to the one with "
            f"id {published_id}, of which this disk has no state. {_CHANGELOG_GONE}"
        )
        raise TopicChangedError(message)


_CHANGELOG_GONE = (
    "Restore it; or run `playfold state rebase --from-disk` on a machine with a state, while every worker is stopped; "
    "or run `playfold state rebase` to begin with the records that the changelog has now."
)


def check_partitions(topic: str, n_partitions: int, expected: int) -> None:
    """Check the number of a topic's partitions.

    Raises:
        TopicChangedError: It differs from the setting.
    """
    if n_partitions != expected:
        message = (
            f"Topic {topic} has {n_partitions} partitions now, but PLAYFOLD_PARTITIONS is {expected}, and listeners "
            "stay on the partition of their key. Stop every worker and run "
            f"`playfold topics repartition {n_partitions}`, which copies the state to new topics with that number."
        )
        raise TopicChangedError(message)
