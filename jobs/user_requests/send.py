"""A user request: sent to `plays`, and waited for until a worker has processed it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import NamedTuple

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord

from jobs.user_requests.effect import Result, UserRequest, topics_of_result
from streams.fetch.followed_partitions import FollowedPartitions
from streams.messages.events import UnreadablePlay, read_event
from streams.messages.receipt import Receipt
from streams.outbox import Outbox
from streams.partitioning import partition_of
from streams.positions import position_of
from streams.readers.lag import lag_of
from streams.readers.log_reader import LogReadError, partitions_of, reader, spans_of
from streams.readers.open_transactions import find_open_transactions
from streams.readers.state_topics import latest_state_topics
from streams.readers.topic_identities import read_identities
from streams.settings import Settings
from streams.topics.topics import topic_names

COMMITTED_S = 0.1
"""Pause before the next look at the committed offsets."""


class RequestTimeoutError(TimeoutError):
    """The effect of a request did not show in time. It is on `plays`: follow the message."""


class OtherTopicError(LogReadError):
    """The topic of plays is not that of the workers' state, so no worker processes requests. Run the named command."""


class InvalidRequestError(ValueError):
    """A request would be rejected by workers, so it is not sent. Correct the id that the message names."""


class Sent(NamedTuple):
    """The places of a request on `plays`."""

    home: int
    """The partition of the listener's key."""
    offsets: Mapping[int, int]
    """By partition, the offset of the request or of its copy."""


async def send_and_wait(request: UserRequest, settings: Settings) -> Receipt:
    """Send a request to all partitions and wait until the records that workers have written show its effect.

    The request goes to the partition of the listener's key. Copies go to all others, where plays of a producer with
    another partitioner may have left a record of the listener.

    Raises:
        InvalidRequestError: Workers would reject it.
        LogReadError, OutboxError: Kafka does not answer, or a topic is missing.
        OtherTopicError: The topic of plays is another one than that of the workers' state; nothing was sent.
        RequestTimeoutError: No record showed the effect within the time-out of Kafka.
    """
    names, home = topic_names(settings), partition_of(request.user_id, settings.topics.partitions)
    followed = [TopicPartition(topic, home) for topic in topics_of_result(request, names)]
    async with reader(settings.kafka, settings.kafka.timeout_s) as consumer:
        epoch = await _present_epoch(consumer, settings)
        partitions = await _follow_from_ends(consumer, followed)
        sent = await _send(request, home, settings)
        result = Result(request, position_of(epoch, sent.offsets[home]), names)
        await _wait(result, _records(partitions, request.user_id.encode()), sent, settings)
    return Receipt(
        wish=str(request.__struct_config__.tag),
        user_id=request.user_id,
        item_id=getattr(request, "item_id", None),
        partition=home,
        plays_offset=sent.offsets[home],
        changelog_offset=result.offsets[names.users_changelog],
        recommendations_offset=result.offsets.get(names.recommendations),
        copies=len(sent.offsets) - 1,
    )


async def _wait(
    result: Result, records: AsyncIterator[tuple[str, ConsumerRecord]], sent: Sent, settings: Settings
) -> None:
    """Wait until the records of a listener show the effect of a request, and workers have processed its copies.

    Raises:
        RequestTimeoutError: That took longer than the time-out of Kafka.
    """
    waiting = sent.home
    try:
        async with asyncio.timeout(settings.kafka.timeout_s):
            await result.wait(records)
            copies = {number: offset for number, offset in sent.offsets.items() if number != sent.home}
            async for number in _uncommitted(copies, settings):
                waiting = number
    except TimeoutError:
        raise RequestTimeoutError(await _describe_timeout(result, sent, waiting, settings)) from None


async def _describe_timeout(result: Result, sent: Sent, waiting: int, settings: Settings) -> str:
    """Return the message about a request without an effect in time; `waiting` is the partition that was waited for."""
    place = f"{topic_names(settings).plays}, partition {waiting}, offset {sent.offsets[waiting]}"
    subject, within = f"The request for {result.request.user_id!r}", f"within {settings.kafka.timeout_s:g} s"
    missing = result.describe_missing() if waiting == sent.home else None
    if missing is None:
        way_out = await _describe_wait(waiting, settings)
        return f"{subject} is queued ({place}), but no worker processed it {within}. {way_out}"
    return (
        f"{subject} was processed ({place}), but {missing} {within}. "
        "Send it again if its effect is missing: a later request may have replaced it."
    )


async def _describe_wait(partition: int, settings: Settings) -> str:
    """Return the sentences about when a request that no worker has processed is processed."""
    held = []
    with suppress(LogReadError):  # the time-out is the error to report
        held = await find_open_transactions(topic_names(settings).plays, settings, [partition])
    ends = "the transaction has ended" if held else "a worker runs"
    return " ".join([*map(str, held), f"It is processed as soon as {ends}."])


async def _send(request: UserRequest, home: int, settings: Settings) -> Sent:
    """Send a request to its partition, and before it copies to all others."""
    key, value, topic = request.user_id.encode(), _encode(request, settings), topic_names(settings).plays
    copy = msgspec.json.encode(msgspec.structs.replace(request, copy=True))
    others = [number for number in range(settings.topics.partitions) if number != home]
    async with Outbox(settings.kafka, topic) as outbox:
        copies = {number: await outbox.send(topic, number, [(key, copy)]) for number in others}
        sent = {number: (await copied.written()).first for number, copied in copies.items()}
        return Sent(home, sent | {home: (await (await outbox.send(topic, home, [(key, value)])).written()).first})


async def _uncommitted(sent: Mapping[int, int], settings: Settings) -> AsyncIterator[int]:
    """Wait until workers have committed an offset of some partitions; yield one that is not committed at each look.

    A worker commits an offset once everything that follows from it is durable.
    """
    if not sent:
        return
    async with lag_of(settings) as lag:
        while True:
            spans = await lag.spans()
            waiting = [number for number, offset in sent.items() if spans[number].start <= offset]
            if not waiting:
                return
            yield waiting[0]
            await asyncio.sleep(COMMITTED_S)


async def _present_epoch(consumer: AIOKafkaConsumer, settings: Settings) -> int:
    """Return the epoch of the topic of plays.

    Raises:
        OtherTopicError: It is another topic than that of the workers' state.
    """
    known, plays = await latest_state_topics(settings), topic_names(settings).plays
    if known is None:
        return 0
    present = (await read_identities(consumer, [plays], settings.kafka))[plays]
    if present.topic_id != known.plays_id:
        message = (
            f"The request was not sent: topic {plays} has the id {present.topic_id}, but the workers' state belongs to "
            f"the one with id {known.plays_id}, so no worker would process it. Run `playfold state rebase`."
        )
        raise OtherTopicError(message)
    return known.epoch


def _encode(request: UserRequest, settings: Settings) -> bytes:
    """Encode a request, and decode it as a worker does."""
    key, value = request.user_id.encode(), msgspec.json.encode(request)
    try:
        read_event(key, value, settings.topics.play_bytes_max)
    except UnreadablePlay as error:
        message = f"The request was not sent, because workers would reject it: {error}."
        raise InvalidRequestError(message) from None
    return value


async def _follow_from_ends(consumer: AIOKafkaConsumer, followed: list[TopicPartition]) -> FollowedPartitions:
    """Follow partitions from their present ends on."""
    for tp in followed:
        await partitions_of(consumer, tp.topic)
    ends = await spans_of(consumer, followed)
    consumer.assign(followed)
    return FollowedPartitions(consumer, {tp: span.end for tp, span in ends.items()})


async def _records(partitions: FollowedPartitions, key: bytes) -> AsyncIterator[tuple[str, ConsumerRecord]]:
    """Yield new records of a key, each with its topic."""
    while True:
        async for tp, records in partitions.fetch(100):
            for record in records:
                if record.key == key:
                    yield tp.topic, record
