"""The places that cannot be read."""

from aiokafka.structs import TopicPartition

from streams.fetch.unreadable_batch import UnreadableBatch
from streams.fetch.unreadable_places import Gap, UnreadablePlaces

TP = TopicPartition("lists", 3)


def bad(first: int, last: int, reason: str = "no codec") -> UnreadableBatch:
    """Return an unreadable batch."""
    return UnreadableBatch(TP.topic, TP.partition, first, last, None, reason, b"", 0)


def test_skipped_batches_are_one_range() -> None:
    """From the first one to the last one, so that their number does not matter; one that is read again is not added."""
    places = UnreadablePlaces()
    for batch in (bad(5, 9), bad(20, 24, "the checksum is wrong"), bad(5, 9)):
        places.skip(batch)

    assert {TP: Gap(5, 24, 2, "the checksum is wrong")} == places.gaps
    assert ["lists, partition 3, offsets 5 to 24: the checksum is wrong"] == places.describe()
    assert 1 == len(places)
    assert not places.is_whole("lists", 3)
    assert places.is_whole("lists", 2)


def test_a_gap_that_kafka_has_deleted_is_none() -> None:
    """The log begins behind it."""
    places = UnreadablePlaces()
    places.skip(bad(5, 9))
    places.trim(TP, 9)
    assert not places.is_whole(*TP)

    places.trim(TP, 10)

    assert places.is_whole(*TP)


def test_a_blocked_partition_is_described_until_it_works() -> None:
    """With the offset from which on nothing is read."""
    places = UnreadablePlaces()
    places.block(TP, 7, "Not authorized.")
    assert ["lists, partition 3, from offset 7 on: Not authorized"] == places.describe("lists", 3)
    assert [] == places.describe("lists", 2)

    places.unblock(TP)

    assert places.is_whole(*TP)
    assert [] == places.describe()


def test_the_places_of_a_topic_are_forgotten_together() -> None:
    """It was made again, so they are no places of it."""
    places, other = UnreadablePlaces(), TopicPartition("other", 0)
    places.skip(bad(5, 9))
    places.block(TopicPartition("lists", 1), 7, "no codec")
    places.block(other, 7, "no codec")

    places.forget("lists")

    assert places.is_whole("lists", 3)
    assert places.is_whole("lists", 1)
    assert places.is_blocked(other)
