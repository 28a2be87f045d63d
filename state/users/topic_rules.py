"""The rules by which a partition's state recognises that a topic is another one than it was made from."""

from state.errors import StateError
from state.users.partition import PartitionState
from streams.positions import epoch_of, offset_of

REBASE = "Stop every worker and run `playfold state rebase`, which keeps the histories and goes on from this topic."


class TopicChangedError(StateError):
    """A topic is not the one that the state was made from. Nothing was learnt from it: the message has the command."""


def check_plays(state: PartitionState, partition: int, topic: str, topic_id: str, end: int, seen: int = -1) -> None:
    """Compare a partition's state with the present topic of plays.

    Args:
        state: The state.
        partition: Its number.
        topic: Name of the topic.
        topic_id: Its present id.
        end: The offset after its last record.
        seen: The highest offset that was delivered from the topic.

    Raises:
        TopicChangedError: The topic has another id, or it ends before a play that the state contains.
    """
    known = state.epoch
    if known.topic_id and known.topic_id != topic_id:
        message = (
            f"Topic {topic} is another topic now: its id is {topic_id}, and partition {partition} of the state was "
            f"made from the one with id {known.topic_id}. No play of the new topic was learnt. {REBASE}"
        )
        raise TopicChangedError(message)
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


def check_changelog(state: PartitionState, partition: int, topic: str, topic_id: str, end: int) -> None:
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
        message = (
            f"Topic {topic} ends at offset {end:,} in partition {partition}, but the state on this disk contains its "
            f"records up to offset {state.place.changelog_offset:,}: it lost records, or it is another topic. "
            f"{_CHANGELOG}"
        )
        raise TopicChangedError(message)


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
