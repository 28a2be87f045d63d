"""The plays that a copied state does not contain."""

import pytest

from jobs.topics.errors import MoveError
from jobs.topics.plays_copy import Waiting
from jobs.topics.rebase import Cluster
from jobs.topics.source import Source
from streams.messages.generations import CopiedPlays
from streams.readers.log_reader import Span
from streams.topics.identity import TopicIdentity
from tests.support.settings import settings_with

CLUSTER = Cluster(
    TopicIdentity("plays-id", {0: 1, 1: 1}), TopicIdentity("log", {0: 1, 1: 1}), {0: Span(2, 10), 1: Span(0, 8)}
)


def source(*, is_other: bool = False) -> Source:
    """Return a state whose workers have committed some offsets."""
    return Source(settings_with(), {}, CLUSTER, {0: 1, 1: 6}, is_other, 0)


def test_uncommitted_plays_wait() -> None:
    """Those that Kafka still has, without those that a listener's record contains; of another topic, all of them."""
    late = {1: {b"ann": 7}}

    plays = source().waiting(late)

    assert {0: Waiting(Span(2, 10), {}), 1: Waiting(Span(6, 8), {b"ann": 7})} == plays.waiting
    assert "plays-id" == plays.topic_id
    assert {} == plays.counted_from
    assert {} == source(is_other=True).waiting(late).waiting[1].late


def test_a_later_run_begins_behind_the_last_complete_one() -> None:
    """Later commits of workers do not matter; a partition without a place is new."""
    plays = source().later_than(CopiedPlays(plays_id="plays-id", ends={0: 7}))

    assert {0: Waiting(Span(7, 10), {}), 1: Waiting(Span(0, 8), {})} == plays.waiting
    assert {0: 7} == plays.counted_from


def test_of_another_topic_all_plays_are_later() -> None:
    """Offsets of different topics say nothing about each other."""
    plays = source().later_than(CopiedPlays(plays_id="former-id", ends={0: 700}))

    assert {0: Waiting(Span(2, 10), {}), 1: Waiting(Span(0, 8), {})} == plays.waiting


def test_a_topic_that_lost_copied_plays_is_an_error() -> None:
    """With the partition and both offsets."""
    with pytest.raises(MoveError) as caught:
        source().later_than(CopiedPlays(plays_id="plays-id", ends={0: 10, 1: 9}))

    assert (
        "Topic plays ends at offset 8 in partition 1, but its plays before offset 9 were copied already: it lost "
        "records. Restore it, or let producers write to the new topic alone." == str(caught.value)
    )


def test_a_run_remembers_the_ends() -> None:
    """Of the topic with its id."""
    assert CopiedPlays(plays_id="plays-id", ends={0: 10, 1: 8}) == source().ends
