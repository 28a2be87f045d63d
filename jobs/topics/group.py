"""The consumer group of the workers: its members and its committed offsets."""

import asyncio
import re
from collections.abc import Mapping

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupIdNotFound, KafkaError, NoError, for_code

from jobs.topics.errors import MoveError
from streams.connection.clients import new_async_admin, new_consumer
from streams.process.format_text import pluralize
from streams.readers.log_reader import LogReadError
from streams.settings import Settings

POLL_S = 0.5
UUID_AT_END = re.compile(r"-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
LEAVE_S = 5.0
"""Seconds beyond the session time-out that a stopped worker may stay a member."""


async def await_no_members(settings: Settings) -> None:
    """Wait until the group has no members; a stopped worker stays one until its session has expired.

    Raises:
        LogReadError: Kafka does not name the members.
        MoveError: It still has members then.
    """
    clock = asyncio.get_running_loop().time
    deadline = clock() + settings.kafka.session_timeout_s + LEAVE_S
    admin, group = new_async_admin(settings.kafka), settings.application.group
    try:
        await admin.start()
        while names := await _answered(admin, group, deadline):
            if clock() > deadline:
                message = (
                    f"Group {group} has {pluralize(len(names), 'member')} ({', '.join(names)}): "
                    "stop every worker and run the command again."
                )
                raise MoveError(message)
            await asyncio.sleep(POLL_S)
    except KafkaError as error:
        message = f"Kafka did not name the members of group {group}: {error!r}."
        raise LogReadError(message) from error
    finally:
        await admin.close()


async def _answered(admin: AIOKafkaAdminClient, group: str, deadline: float) -> list[str]:
    """Return the members as soon as the group's coordinator answers.

    A coordinator that starts, or that is about to load the group, names no members. A new cluster makes its topic of
    groups at the first request. So both are asked again.

    Raises:
        KafkaError: It does not answer before the deadline, or refuses.
    """
    while True:
        try:
            return await _members(admin, group)
        except KafkaError as error:
            if not error.retriable or asyncio.get_running_loop().time() > deadline:
                raise
        await asyncio.sleep(POLL_S)


async def _members(admin: AIOKafkaAdminClient, group: str) -> list[str]:
    """Return the names of the group's members; Kafka adds a UUID to the name of a worker.

    Raises:
        KafkaError: The coordinator does not know them now, or the right to ask is missing.
    """
    described = [one for response in await admin.describe_consumer_groups([group]) for one in response.groups]
    for error_code, name, *_ in described:
        fault = for_code(error_code)
        if fault not in (NoError, GroupIdNotFound):
            raise fault(name)
    return sorted(UUID_AT_END.sub("", member[0]) for one in described for member in one[5])


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
