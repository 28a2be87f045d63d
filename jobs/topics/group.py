"""The consumer group of the workers: its members and its committed offsets."""

import asyncio
import time
from collections.abc import Mapping

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from jobs.topics.errors import MoveError
from streams.connection.clients import new_consumer
from streams.process.format_text import pluralize
from streams.readers.log_reader import LogReadError
from streams.settings import Settings
from streams.topics.admin import admin_client

POLL_S = 0.5
LEAVE_S = 5.0
"""Seconds beyond the session time-out that a stopped worker may stay a member."""


async def await_no_members(settings: Settings) -> None:
    """Wait until the group has no members; a stopped worker stays one until its session has expired.

    Raises:
        MoveError: It still has members then.
        TopicsError: Kafka cannot be reached.
    """
    deadline = time.monotonic() + settings.kafka.session_timeout_s + LEAVE_S
    while names := await asyncio.to_thread(_members, settings):
        if time.monotonic() > deadline:
            message = (
                f"Group {settings.application.group} has {pluralize(len(names), 'member')} ({', '.join(names)}): "
                "stop every worker and run the command again."
            )
            raise MoveError(message)
        await asyncio.sleep(POLL_S)


def _members(settings: Settings) -> list[str]:
    """Return the names of the group's members."""
    group = settings.application.group
    with admin_client(settings.kafka) as admin:
        members = admin.describe_groups([group])[group].get("members") or []
    return sorted(member.get("group_instance_id") or member["member_id"] for member in members)


async def commit_offsets(settings: Settings, offsets: Mapping[TopicPartition, int]) -> None:
    """Commit offsets of the group, which must have no members.

    Raises:
        LogReadError: Kafka does not answer.
        MoveError: The group has members, so Kafka refuses.
    """
    consumer = new_consumer(settings.kafka, group_id=settings.application.group, enable_auto_commit=False)
    try:
        async with asyncio.timeout(settings.kafka.timeout_s):
            await consumer.start()
            consumer.assign(list(offsets))
            await consumer.commit(dict(offsets))
    except TimeoutError as error:
        message = f"Kafka did not commit offsets within {settings.kafka.timeout_s:g} s."
        raise LogReadError(message) from error
    except KafkaError as error:
        group = settings.application.group
        message = f"Kafka refused to commit offsets of group {group} ({error!r}): stop every worker and try again."
        raise MoveError(message) from error
    finally:
        await consumer.stop()
