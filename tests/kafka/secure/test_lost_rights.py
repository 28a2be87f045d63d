"""Rights that are missing or lost while a process runs."""

import asyncio
from typing import Any

import msgspec
import pytest

from streams.connection.rights import MissingRightError, Right
from streams.messages.records import RelatedItems
from streams.outbox import Outbox, OutboxError
from streams.readers.log_reader import LogReadError, read_topic
from streams.settings import Settings
from streams.topics.admin import TopicsError, create_topics, verify_topics
from streams.topics.process_rights import PROCESSES
from streams.topics.topics import topic_names
from tests.kafka.secure.least_rights import Users, names_right, send_plays
from tests.support.gateway import client_of, gateway
from tests.support.topics import worker, write
from tests.support.wait import block_until


async def test_a_reader_without_the_right_to_read_is_a_sentence(users: Users, bare: Settings) -> None:
    """With the right to describe a topic it would wait for records without end."""
    create_topics(bare)
    settings = users.grant("reader", without=PROCESSES["reader"](bare))
    right = PROCESSES["reader"](bare)[0]
    users.secure.grant(settings.kafka.username, [Right("DESCRIBE", "topic", right.name)])
    async with Outbox(bare.kafka) as outbox:
        await (await outbox.send(right.name, 0, [(b"k", b"v")])).written()

    with pytest.raises((LogReadError, MissingRightError)) as caught:
        async for _ in read_topic(settings.kafka, right.name, 10):
            pass

    assert names_right(caught.value, right)


async def test_a_topic_without_any_right_is_not_taken_for_a_missing_one(users: Users, bare: Settings) -> None:
    """Kafka leaves it out of the list of all topics."""
    create_topics(bare)
    settings = users.grant("reader")
    plays = topic_names(bare).plays

    with pytest.raises(LogReadError) as caught:
        async for _ in read_topic(settings.kafka, plays, 10):
            pass

    assert names_right(caught.value, Right("DESCRIBE", "topic", plays))
    with pytest.raises(TopicsError) as refused:
        await asyncio.to_thread(verify_topics, settings)
    assert "the right DESCRIBE on topic" in str(refused.value)


async def test_a_producer_without_any_right_to_write_is_a_sentence(users: Users, bare: Settings) -> None:
    """An idempotent producer gets no id then, and aiokafka would hide the reason."""
    create_topics(bare)
    settings = users.grant("producer", without=PROCESSES["producer"](bare))
    right = PROCESSES["producer"](bare)[0]
    users.secure.grant(settings.kafka.username, [Right("DESCRIBE", "topic", right.name)])

    with pytest.raises(OutboxError) as caught:
        async with asyncio.timeout(10), Outbox(settings.kafka, right.name) as outbox:
            await (await outbox.send(right.name, 0, [(b"k", b"v")])).written()

    assert names_right(caught.value, right)


def plays_of(settings: Settings) -> Right:
    """Return the right to read plays."""
    return Right("READ", "topic", topic_names(settings).plays)


def group_of(settings: Settings) -> Right:
    """Return the right to be a member of the group."""
    return Right("READ", "group", settings.application.group)


def changelog_of(settings: Settings) -> Right:
    """Return the right to write user records."""
    return Right("WRITE", "topic", topic_names(settings).users_changelog)


def test_a_gateway_that_loses_the_right_to_read_a_topic_serves_the_others(users: Users, bare: Settings) -> None:
    """It names the right in `/readyz`, and reads the topic on once the right is granted again."""
    create_topics(bare)
    names, settings = topic_names(bare), users.grant("gateway")
    right = Right("READ", "topic", names.related_items)
    with gateway(settings) as served, client_of(served) as client:
        users.revoke("gateway", right)
        block_until(lambda: "the right READ on topic" in client.get("/readyz").text, 30)

        related = RelatedItems(item_id="i1", generation="g", items=["i2"], cosines=[0.5])
        write(bare, names.related_items, [(b"i1", msgspec.json.encode(related))])
        for number in range(3):
            item = f"item-{number}"
            write(bare, names.catalog, [(item.encode(), msgspec.json.encode({"item_id": item}))])
            block_until(lambda item=item: client.get(f"/v1/items/{item}").status_code == 200, 4)  # type: ignore[misc]
        assert served.running
        assert names.related_items in client.get("/readyz").text

        users.secure.grant(settings.kafka.username, [right])
        block_until(lambda: client.get("/v1/items/i1/related").status_code == 200, 30)
        block_until(lambda: not client.get("/readyz").json().get("unreadable"), 30)


@pytest.mark.parametrize("right_of", [changelog_of, plays_of, group_of])
def test_a_worker_that_loses_a_right_stops_with_a_sentence(users: Users, bare: Settings, right_of: Any) -> None:
    """Faust alone would count on and commit the offsets of plays whose records are lost, or wait without end."""
    create_topics(bare)
    settings, right = users.grant("worker"), right_of(bare)
    with worker(settings) as process:
        users.revoke("worker", right)
        send_plays(bare)
        block_until(lambda: not process.running, 40)
        said = process.describe_end()
        assert process.first_event("stop_took_too_long") is None

    # A worker that reads its committed offsets first lacks the right to describe the group.
    described = Right("DESCRIBE", right.resource, right.name)
    assert f"the right {right}" in said or f"the right {described}" in said
