"""The outbox where only a real Kafka can tell: strangers in the log, refusals, no broker."""

import pytest
from aiokafka import AIOKafkaProducer

from streams.kafka.ports import free_port
from streams.outbox import Item, Outbox, OutboxError, UnacknowledgedError, Written
from streams.settings import Settings, override
from streams.topics.topics import TopicNames


async def test_a_strangers_record_breaks_the_run(settings: Settings, names: TopicNames) -> None:
    """Two batches with somebody else's record between them are told from one run."""
    half: list[Item] = [(b"k", b"x" * 600_000)]
    async with Outbox(settings.kafka) as outbox, Outbox(settings.kafka) as stranger:
        first = await outbox.send(names.recommendations, 0, half)
        await first.written()
        await (await stranger.send(names.recommendations, 0, half)).written()
        second = await outbox.send(names.recommendations, 0, half)
        await second.written()

        batches = [*first._batches, *second._batches]  # noqa: SLF001  as one send would have them
        joined = type(first)(batches, first._failed, settings.kafka.timeout_s)  # noqa: SLF001
        assert Written(0, 2, unbroken=False) == await joined.written()


async def test_no_broker_is_a_sentence_in_time(settings: Settings) -> None:
    """The address and the way out are named, and nothing is left open."""
    away = override(settings, brokers=f"127.0.0.1:{free_port()}", kafka_timeout_s=1.0)

    with pytest.raises(OutboxError) as caught:
        await Outbox(away.kafka).start()

    expected = f"No Kafka broker answered at {away.kafka.brokers}: start Kafka, or correct PLAYFOLD_BROKERS."
    assert expected == str(caught.value)


async def test_a_batch_that_kafka_refuses_is_an_error(settings: Settings, names: TopicNames) -> None:
    """The sentence has the topic and the broker's reason: here, the record is too large for the topic."""
    async with Outbox(settings.kafka) as outbox:
        pending = await outbox.send(names.generations, 0, [(b"k", b"x" * 2_000_000)])
        with pytest.raises(UnacknowledgedError, match=rf"records of {names.generations} \(MessageSizeTooLarge"):
            await pending.written()


async def test_every_record_is_acknowledged_by_all_replicas(settings: Settings) -> None:
    """Idempotent, so that a retry of the client neither doubles nor reorders."""
    async with Outbox(settings.kafka) as outbox:
        producer = outbox._producer  # noqa: SLF001  the setting is what is tested

        assert isinstance(producer, AIOKafkaProducer)
        assert -1 == producer._sender._acks  # noqa: SLF001
        assert producer._txn_manager is not None  # noqa: SLF001
