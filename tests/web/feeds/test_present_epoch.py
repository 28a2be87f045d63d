"""The epoch in which the offsets of accepted plays are."""

import msgspec

from streams.messages.generations import StateTopics, state_topics_key
from streams.positions import position_of
from web.feeds.present_epoch import PresentEpoch


def known(epoch: int, plays_id: str) -> tuple[bytes, bytes]:
    """Return the record of the topics of a state."""
    topics = StateTopics(plays_id=plays_id, changelog_id="c", epoch=epoch, partitions=4)
    return state_topics_key("playfold"), msgspec.json.encode(topics)


def test_the_first_epoch_is_assumed() -> None:
    """No worker has published another one; an announcement is none."""
    epoch = PresentEpoch("playfold")
    epoch.on_record(b"serving", known(5, "id")[1])
    epoch.on_record(state_topics_key("playfold"), b"{")

    assert 17 == epoch.position(17)


def test_the_epoch_is_that_of_the_state() -> None:
    """The latest record counts."""
    epoch = PresentEpoch("playfold")
    epoch.topic_id = "new"
    epoch.on_record(*known(0, "old"))
    epoch.on_record(*known(3, "new"))

    assert position_of(3, 17) == epoch.position(17)


def test_plays_of_another_topic_are_in_the_next_epoch() -> None:
    """No list of the old topic reflects them."""
    epoch = PresentEpoch("playfold")
    epoch.on_record(*known(0, "old"))
    epoch.topic_id = "new"

    assert position_of(1, 17) == epoch.position(17)


def test_the_topics_of_another_group_are_ignored() -> None:
    """Two groups share the topic of generations when one replays the plays of the other."""
    epoch = PresentEpoch("another")

    epoch.on_record(*known(3, "id"))

    assert 0 == epoch.number
