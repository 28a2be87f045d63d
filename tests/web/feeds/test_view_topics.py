"""The ids of the topics of a gateway's view, as brokers answer them."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import TopicAuthorizationFailedError

from state.gateway_view.keys import LIST
from state.gateway_view.view import View
from streams.topics.identity import format_id
from streams.topics.topics import topic_names
from tests.support.settings import settings_with
from web.feeds import view_topics
from web.feeds.view_topics import GONE_S, WATCH_S, ViewTopics, identity_of

SETTINGS = settings_with(partitions=4)
NAMES = topic_names(SETTINGS)
ALL = (NAMES.recommendations, NAMES.related_items, NAMES.catalog)
CONSUMER = cast(AIOKafkaConsumer, SimpleNamespace(_client=None))

pytestmark = pytest.mark.virtual_time


def uuid_of(number: int) -> str:
    """Return an id as the identity of a view has it."""
    return str(UUID(int=number))


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, int | Exception | None]:
    """Give the answers of the brokers by topic: at first the ids 1, 2 and 3."""
    made: dict[str, int | Exception | None] = {name: number for number, name in enumerate(ALL, 1)}

    async def topic_id_of(_client: object, name: str) -> str | None:
        answer = made[name]
        if isinstance(answer, Exception):
            raise answer
        return None if answer is None else format_id(answer.to_bytes(16))

    monkeypatch.setattr(view_topics, "topic_id_of", topic_id_of)
    return made


@pytest.fixture
def view(tmp_path: Path) -> Iterator[View]:
    """Give a view of the topics with these ids, with a list."""
    identity = identity_of({name: uuid_of(number) for number, name in enumerate(ALL, 1)}, SETTINGS)
    opened = View(tmp_path / "view", identity, 4)
    opened.store(LIST, NAMES.recommendations, 0, [(b"ann", b'{"offset":3,"expires_at_ms":1}')], 9)
    yield opened
    opened.close()


async def looked(topics: ViewTopics) -> dict[str, str]:
    """Return the topics that were made again, as of the next look."""
    watching = asyncio.create_task(topics.watch(CONSUMER))
    await asyncio.sleep(WATCH_S / 2)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    return topics.remade


async def test_the_same_ids_are_the_same_topics(view: View, answers: dict[str, Any]) -> None:
    """So is one that no broker knows at the moment, or whose id may not be asked for."""
    topics = ViewTopics(SETTINGS, view)
    assert {} == await looked(topics)

    answers |= {NAMES.catalog: None, NAMES.related_items: TopicAuthorizationFailedError()}

    assert {} == await looked(topics)
    assert frozenset() == topics.gone, "a broker that has just started knows no topic for a moment"
    await asyncio.sleep(GONE_S)
    assert {} == await looked(topics)
    assert {NAMES.catalog} == topics.gone
    answers[NAMES.catalog] = 3
    assert {} == await looked(topics)
    assert frozenset() == topics.gone


async def test_another_id_is_a_topic_that_was_made_again(view: View, answers: dict[str, Any]) -> None:
    """Its records leave the view, which has the new identity; the errors of another topic do not hide it."""
    topics = ViewTopics(SETTINGS, view)
    answers |= {NAMES.recommendations: 7, NAMES.related_items: TopicAuthorizationFailedError()}
    assert {NAMES.recommendations: uuid_of(7)} == await looked(topics)

    topics.drop(NAMES.recommendations)

    assert {} == await looked(topics)
    assert [] == view.listeners("", 10)
    ids = {name: uuid_of(number) for number, name in zip((7, 2, 3), ALL, strict=True)}
    assert identity_of(ids, SETTINGS) == view.identity


async def test_a_broker_that_is_behind_is_not_believed(view: View, answers: dict[str, Any]) -> None:
    """Kafka never gives an old id again."""
    topics = ViewTopics(SETTINGS, view)
    answers[NAMES.recommendations] = 7
    await looked(topics)
    topics.drop(NAMES.recommendations)

    answers[NAMES.recommendations] = 1

    assert {} == await looked(topics)
    answers[NAMES.recommendations] = 8
    assert {NAMES.recommendations: uuid_of(8)} == await looked(topics)


async def test_a_view_without_an_identity_takes_the_present_topics(tmp_path: Path, answers: dict[str, Any]) -> None:
    """From then on another id is another topic."""
    view = View(tmp_path / "other")
    topics = ViewTopics(SETTINGS, view)
    assert {} == await looked(topics)

    answers[NAMES.catalog] = 9

    assert {NAMES.catalog: uuid_of(9)} == await looked(topics)
    view.close()
