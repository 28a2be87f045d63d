"""The parts of Faust and aiokafka that we override, call and read still exist."""

# ruff: noqa: SLF001  what is private of Faust and aiokafka is looked at here

import inspect
from collections.abc import Callable
from typing import Any

import aiokafka
import aiokafka.client
import aiokafka.consumer.subscription_state as subscriptions
import pytest
from aiokafka.consumer import fetcher
from aiokafka.producer.sender import Sender
from faust.app.base import App
from faust.stores.base import Store
from faust.tables.table import Table
from faust.transport.consumer import Consumer
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.types.tuples import ConsumerMessage

from streams.consumer.faust_app import create_app
from streams.settings import Settings


def fetched_records() -> Any:
    """Return aiokafka's own class, which importing streams/fetch/batches.py replaces."""
    return next(one for one in fetcher.PartitionRecords.__mro__ if one.__module__ == fetcher.__name__)


def parameters(function: Callable[..., Any]) -> list[str]:
    """Return the names of a function's parameters."""
    return list(inspect.signature(function).parameters)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        # Overridden in streams/consumer/slices.py.
        (Consumer.getmany, ["self", "timeout"]),
        (Consumer._getmany, ["self", "active_partitions", "timeout"]),
        (Consumer.perform_seek, ["self"]),
        (fetched_records()._consumer_record, ["self", "tp", "record"]),
        (fetched_records()._unpack_records, ["self"]),
        (AIOKafkaConsumerThread._create_worker_consumer, ["self", "transport"]),
        (
            AIOKafkaConsumerThread._fetch_records,
            ["self", "consumer", "active_partitions", "timeout", "max_records"],
        ),
        (Consumer._add_gap, ["self", "tp", "offset_from", "offset_to"]),
        (Consumer._new_offset, ["self", "tp"]),
        (App._new_transport, ["self"]),
        # Called there.
        (Consumer._wait_next_records, ["self", "timeout"]),
        (Consumer._is_changelog_tp, ["self", "tp"]),
        (Consumer.ack, ["self", "message"]),
        (AIOKafkaConsumerThread._ensure_consumer, ["self"]),
        (AIOKafkaConsumerThread.seek_to_beginning, ["self", "partitions"]),
        (subscriptions.Assignment.state_value, ["self", "tp"]),
        # Overridden in state/users/store.py.
        (Table._new_store, ["self"]),
        (Store.persisted_offset, ["self", "tp"]),
        (Store.set_persisted_offset, ["self", "tp", "offset"]),
        (Store.on_rebalance, ["self", "assigned", "revoked", "newly_assigned", "generation_id"]),
        (Store.apply_changelog_batch, ["self", "batch", "to_key", "to_value"]),
        (Store.reset_state, ["self"]),
        # Called in streams/readers/log_reader.py and streams/outbox.py.
        (aiokafka.client.AIOKafkaClient.force_metadata_update, ["self"]),
        (aiokafka.AIOKafkaProducer.send_batch, ["self", "batch", "topic", "partition"]),
        (aiokafka.AIOKafkaProducer.create_batch, ["self"]),
    ],
    ids=lambda value: getattr(value, "__qualname__", ""),
)
def test_what_we_override_and_call_is_still_there(function: Callable[..., Any], expected: list[str]) -> None:
    """A new version of Faust or aiokafka that changes these asks for a look at our side of them."""
    assert expected == parameters(function)


@pytest.mark.parametrize(
    ("owner", "names"),
    [
        (Consumer.__init__, ["_acked", "_acked_index", "_unacked_messages", "_buffered_partitions", "_read_offset"]),
        (Consumer.getmany, ["consumer_generation_id", "flow_active", "_buffered_partitions", "perform_seek"]),
        (Consumer.ack, ["_acked_index", "_unacked_messages", "acks_enabled_for"]),
        (AIOKafkaConsumerThread._ensure_consumer, ["self._consumer"]),
        (aiokafka.AIOKafkaConsumer.__init__, ["self._subscription", "self._client", "self._isolation_level"]),
        (aiokafka.AIOKafkaConsumer.start, ["isolation_level=self._isolation_level"]),
        (fetched_records().__init__, ["self._isolation_level", "self._records", "self.next_fetch_offset"]),
        (fetcher.Fetcher._proc_fetch_request, ["MemoryRecords(", "PartitionRecords(", "tp_state.lso", "highwater"]),
        (aiokafka.AIOKafkaProducer.__init__, ["self._sender"]),
        (Sender.__init__, ["self._sender_task"]),
    ],
    ids=lambda value: getattr(value, "__qualname__", ""),
)
def test_private_state_has_its_name(owner: Callable[..., Any], names: list[str]) -> None:
    """The fields that we read and set are those that Faust's own code works with."""
    source = inspect.getsource(owner)

    assert [] == [name for name in names if name not in source]


def test_a_message_can_carry_a_slice() -> None:
    """A value of any type, an assignment's id, and the flag that tells Faust it is tracked."""
    fields = parameters(ConsumerMessage.__init__)

    assert ["topic", "partition", "offset", "timestamp", "timestamp_type", "headers", "key", "value"] == fields[1:9]
    assert ["checksum", "serialized_key_size", "serialized_value_size", "tp"] == fields[9:13]
    assert {"generation_id"} <= set(fields)
    assert {"tracked", "acked", "generation_id"} <= set(
        ConsumerMessage.__slots__ + ConsumerMessage.__mro__[1].__slots__
    )


def test_an_app_tells_whether_it_is_settled() -> None:
    """A sweep asks these before every group."""
    app = create_app(Settings())

    assert not app.rebalancing
    assert not app.in_recovery
    assert not app.tables.recovery.completed.is_set()
