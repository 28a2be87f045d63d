"""Which partitions of lists a gateway has read to their end, asked of a consumer in memory."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from state.gateway_view.open_view import open_view
from state.gateway_view.view import View
from streams.topics.topics import topic_names
from tests.support.settings import settings_with
from web.feeds.topic_follower import TopicFollower
from web.feeds.view_topics import identity_of

SETTINGS = settings_with(partitions=2)
LISTS = topic_names(SETTINGS).recommendations
FIRST, SECOND = TopicPartition(LISTS, 0), TopicPartition(LISTS, 1)


@pytest.fixture
def view(tmp_path: Path) -> Iterator[View]:
    """Open an empty view."""
    opened = open_view(tmp_path / "view", identity_of({}, SETTINGS), 0.0)
    yield opened
    opened.close()


class Consumer:
    """A consumer whose partitions end at offset 7."""

    def __init__(self, follower: Any, *, remakes: bool = False) -> None:
        """If a topic is made again meanwhile, the follower begins anew with other places."""
        self._follower, self._remakes = follower, remakes
        follower._consumer = cast(AIOKafkaConsumer, self)  # noqa: SLF001
        follower._places = {FIRST: 7, SECOND: 6}  # noqa: SLF001

    async def end_offsets(self, tps: list[TopicPartition]) -> dict[TopicPartition, int]:
        """Answer."""
        if self._remakes:
            self._follower._places = {}  # noqa: SLF001
        return dict.fromkeys(tps, 7)


def follower_of(view: View) -> TopicFollower:
    """Return a follower that does not run."""
    return TopicFollower(SETTINGS, view, lambda *_: None)


async def test_a_partition_is_reached_at_its_end(view: View) -> None:
    """The other one has a list that is not in the view yet."""
    follower = follower_of(view)
    Consumer(follower)

    assert frozenset({0}) == await follower.reached()


async def test_no_partition_is_reached_while_a_topic_is_made_again(view: View) -> None:
    """The ends are those of one topic, and the places those of another."""
    follower = follower_of(view)
    Consumer(follower, remakes=True)

    assert frozenset() == await follower.reached()
