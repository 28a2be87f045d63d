"""Acknowledgements that do not come, or are refusals."""

import asyncio
import gc
from typing import Any

import pytest
from aiokafka.errors import KafkaTimeoutError, MessageSizeTooLargeError, TopicAuthorizationFailedError

from streams.outbox import Item, OutboxError, UnacknowledgedError, Written
from tests.support.memory_outbox import MemoryOutbox
from tests.support.settings import settings_with
from tests.support.virtual_time import now_s

pytestmark = pytest.mark.virtual_time

KAFKA = settings_with(kafka_timeout_s=7).kafka
ITEMS: list[Item] = [(b"k", b"v")]


async def written(outbox: MemoryOutbox) -> Written:
    """Send a record, and wait for its acknowledgement."""
    async with outbox:
        return await (await outbox.send("lists", 0, ITEMS)).written()


async def test_an_acknowledgement_that_does_not_come_is_an_error_in_time() -> None:
    """Whether the sender waits with a time-out or not."""
    outbox = MemoryOutbox(KAFKA)
    outbox.held = {"lists"}

    with pytest.raises(UnacknowledgedError) as caught:
        await written(outbox)

    assert (
        "Kafka at 127.0.0.1:19092 did not acknowledge records of lists within 7 s (TimeoutError()); "
        "it may have them all the same." == str(caught.value)
    )
    assert 7 == now_s()


async def test_an_error_that_nobody_awaits_is_not_logged() -> None:
    """A group that fails awaits its first failed send only, and asyncio logs forgotten errors during collections."""
    logged: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: logged.append(str(context["message"])))
    outbox = MemoryOutbox(KAFKA)
    outbox.refused = {"lists": KafkaTimeoutError()}
    async with outbox:
        sent = [await outbox.send("lists", 0, ITEMS) for _ in range(2)]
        with pytest.raises(UnacknowledgedError):
            await sent[0].written()
        await asyncio.sleep(0)
        del sent
        gc.collect()

    assert [] == logged


async def test_one_time_counts_for_all_batches_of_a_send() -> None:
    """The first acknowledgement gives the second one no further time."""
    outbox = MemoryOutbox(KAFKA)
    outbox.held = {"lists"}
    async with outbox:
        first, second = [await outbox.send("lists", 0, ITEMS) for _ in range(2)]
        both = type(first)([*first._batches, *second._batches], first._failed, KAFKA.timeout_s)  # noqa: SLF001
        asyncio.get_running_loop().call_later(5, first._batches[0][0].set_result, outbox._waiting[0][2])  # noqa: SLF001

        with pytest.raises(UnacknowledgedError):
            await both.written()

    assert 7 == now_s()


@pytest.mark.parametrize("error", [MessageSizeTooLargeError("large"), KafkaTimeoutError()])
async def test_an_error_of_kafka_is_a_sentence(error: Exception) -> None:
    """With the topic, and as the error that callers catch."""
    outbox = MemoryOutbox(KAFKA)
    outbox.refused = {"lists": error}

    within = " within 7 s" if isinstance(error, KafkaTimeoutError) else ""
    with pytest.raises(UnacknowledgedError, match=rf"records of lists{within} \({type(error).__name__}"):
        await written(outbox)


async def test_a_batch_that_is_too_large_names_the_setting_of_the_topic() -> None:
    """The broker's reason alone names no setting."""
    outbox = MemoryOutbox(KAFKA)
    outbox.refused = {"lists": MessageSizeTooLargeError()}

    with pytest.raises(
        UnacknowledgedError, match=r" The topic takes smaller batches only: raise its max.message.bytes\.$"
    ):
        await written(outbox)


async def test_a_missing_right_is_another_error() -> None:
    """Kafka has none of the records then."""
    outbox: Any = MemoryOutbox(KAFKA)
    outbox.refused = {"lists": TopicAuthorizationFailedError()}

    with pytest.raises(OutboxError, match="WRITE") as caught:
        await written(outbox)

    assert OutboxError is type(caught.value)
