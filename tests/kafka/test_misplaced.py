"""Plays on a partition that is not the one of their key, on a real Kafka."""

import asyncio
import zlib
from functools import partial

import confluent_kafka
import msgspec
import pytest

from agents.plays.recompute import recompute
from jobs.doctor.doctor import Doctor
from jobs.progress import no_progress
from jobs.retraining.retrain import retrain
from jobs.user_requests.explain import latest_record
from jobs.user_requests.export import export_user
from jobs.user_requests.send import RequestTimeoutError, send_and_wait
from jobs.user_requests.trace import Limits, Tracer
from jobs.user_requests.trace_document import Trace
from jobs.user_requests.verify_erasure import find_remnants
from state.users.record import UserRecord
from streams.messages.events import Forget, Hide, Pause
from streams.messages.export_document import UserExport
from streams.outbox import Item, Outbox
from streams.partitioning import partition_of
from streams.readers.latest_list import latest_list
from streams.settings import Settings, override
from streams.topics.topics import TopicNames
from tests.support.forked import run_forked
from tests.support.plays import play_record, plays_of_neighbours
from tests.support.topics import await_folded, send, values, worker
from tests.support.wait import block_until

HOME = partition_of("ann", 4)
OTHER, THIRD = (HOME + 1) % 4, (HOME + 2) % 4
NOW_MS = 1_800_000_000_000


@pytest.fixture
def small(settings: Settings, names: TopicNames) -> Settings:
    """Give settings under which a generation is made in no time, and a worker reports often."""
    assert names.plays
    return override(settings, factors=8, iterations=2, index_trees=2, related_n=0, list_n=5, pulse_s=0.2)


def misplace(settings: Settings, topic: str, partition: int, *items: Item) -> None:
    """Send records to a partition without regard to their keys."""

    async def produce() -> None:
        async with Outbox(settings.kafka) as outbox:
            await (await outbox.send(topic, partition, items)).written()

    asyncio.run(produce())


def exported(settings: Settings) -> UserExport:
    """Return all that is held of ann."""
    return asyncio.run(export_user("ann", settings, NOW_MS))


def traced(settings: Settings) -> Trace:
    """Return the trace of ann."""
    tracer = Tracer("ann", settings, Limits(20, 30.0), partial(recompute, partition=HOME, settings=settings))
    return asyncio.run(tracer.trace(NOW_MS))


def plays_by_partition(export: UserExport) -> dict[int, int]:
    """Return how many plays each of ann's records has."""
    records = [*(export.misplaced_records or []), *([export.record] if export.record else [])]
    return {record.partition: record.plays for record in records}


def check_requests_reach_both(settings: Settings) -> None:
    """Hide an item and pause: the records of both partitions show it, and keep their plays."""
    hidden = asyncio.run(send_and_wait(Hide(user_id="ann", item_id="i7"), settings))
    asyncio.run(send_and_wait(Pause(user_id="ann"), settings))
    assert HOME == hidden.partition
    assert 3 == hidden.copies
    export = exported(settings)
    for record in (export.record, *(export.misplaced_records or [])):
        assert record is not None
        assert record.paused
        assert ["i7"] == [item.item_id for item in record.hidden]
    assert {HOME: 1, OTHER: 3} == plays_by_partition(export)


def test_a_listener_on_several_partitions_is_read_and_forgotten_on_all(small: Settings, names: TopicNames) -> None:
    """List, record, export and trace know both halves; requests reach both; nothing stands after `forget`."""
    send(small, plays_of_neighbours())
    with worker(small):
        await_folded(small)
        retrain(small, no_progress)
        misplace(small, names.plays, HOME, play_record("ann", "i1"))
        misplace(small, names.plays, OTHER, *(play_record("ann", f"i{number}") for number in (2, 3, 4)))
        block_until(lambda: plays_by_partition(exported(small)) == {HOME: 1, OTHER: 3}, 20)
        block_until(lambda: len(exported(small).misplaced_recommendations or []) == 1, 20)

        made = asyncio.run(latest_list("ann", small))
        assert made is not None
        assert OTHER == made.partition
        assert 3 == made.plays
        assert 3 == UserRecord.decode(asyncio.run(latest_record("ann", small)) or b"").plays
        export = exported(small)
        assert {HOME, OTHER} == {event.partition for event in export.plays}
        assert [OTHER] == [made.partition for made in export.misplaced_recommendations or []]
        trace = traced(small)
        assert HOME == trace.events.partition
        assert [(OTHER, 3)] == [(one.events.partition, one.events.n_events) for one in trace.elsewhere]

        check_requests_reach_both(small)

        finding = next(one for one in asyncio.run(Doctor(small).examine()) if one.check == "events")
        assert "3 of " in finding.says
        assert "on another partition than the one of their key" in finding.says
        assert "partitioner=murmur2_random" in finding.do

        asyncio.run(send_and_wait(Forget(user_id="ann"), small))
        assert not [remnant for remnant in asyncio.run(find_remnants("ann", small)) if remnant.stands or remnant.unread]
        assert asyncio.run(latest_list("ann", small)) is None
        assert not exported(small).misplaced_records


def test_a_copy_leaves_nothing_of_an_unknown_listener(small: Settings, names: TopicNames) -> None:
    """A healthy producer's listener has one record, after any request."""
    send(small, [play_record("ann", "i1")])
    with worker(small):
        for request in (Hide(user_id="ann", item_id="i7"), Pause(user_id="ann"), Forget(user_id="ann")):
            asyncio.run(send_and_wait(request, small))
            export = exported(small)
            assert export.record is not None
            assert not export.misplaced_records
            assert not export.misplaced_recommendations
        records = [value for key, value in values(small, names.users_changelog) if key == b"ann"]

    assert len(records) <= 4


def test_a_listener_who_stands_elsewhere_alone_is_found_by_the_commands(small: Settings, names: TopicNames) -> None:
    """`trace` says why; without a worker, `forget` does not say that it is done."""
    misplace(small, names.plays, THIRD, play_record("ann", "i1"))
    with worker(small):
        block_until(lambda: plays_by_partition(exported(small)) == {THIRD: 1}, 20)
        ended = run_forked(small, "trace", "ann")
    assert 0 == ended.returncode
    text = " ".join(ended.stdout.split())

    assert f"Also on partition {THIRD}, though the key belongs to partition {HOME}" in text
    assert "set partitioner=murmur2_random" in text
    with pytest.raises(RequestTimeoutError):
        asyncio.run(send_and_wait(Forget(user_id="ann"), override(small, kafka_timeout_s=1.0)))
    (stands,) = [one.place for one in asyncio.run(find_remnants("ann", small)) if one.stands and "/" not in one.place]
    assert names.users_changelog == stands


def test_quoted_keys_of_connect_are_rejected_found_and_named(small: Settings, names: TopicNames) -> None:
    """`export` has the rejects of the listener, and `doctor` the setting of the producer."""
    value = play_record("ann", "i1")[1]
    misplace(small, names.plays, THIRD, *[(msgspec.json.encode("ann"), value)] * 50)
    with worker(small):
        block_until(lambda: len(exported(small).plays_rejected) == 50, 20)
        block_until(lambda: says(small).startswith("Of the last 50 events none could be read, most often: the key"), 20)
        finding = next(one for one in asyncio.run(Doctor(small).examine()) if one.check == "events")

    assert "problem" == finding.verdict
    assert "key.converter=org.apache.kafka.connect.storage.StringConverter" in finding.do


def says(settings: Settings) -> str:
    """Return the doctor's sentence on events."""
    return next(one.says for one in asyncio.run(Doctor(settings).examine()) if one.check == "events")


@pytest.mark.parametrize("options", [{}, {"partitioner": "murmur2_random"}], ids=["default", "murmur2_random"])
def test_listeners_of_librdkafka_are_counted_and_forgotten(
    small: Settings, names: TopicNames, options: dict[str, str]
) -> None:
    """Its default partitioner is CRC32; with the setting that `doctor` names, every play is on its partition."""
    users = [f"user-{number}" for number in range(40)]
    producer = confluent_kafka.Producer({"bootstrap.servers": small.kafka.brokers, **options})
    for user in users:
        key, value = play_record(user, "i1")
        producer.produce(names.plays, key=key, value=value)
    assert 0 == producer.flush(30)
    n_misplaced = 0 if options else sum(zlib.crc32(user.encode()) % 4 != partition_of(user, 4) for user in users)
    assert bool(options) != bool(n_misplaced)

    with worker(small):
        await_folded(small)
        block_until(lambda: misplaced(small, names) == n_misplaced, 20)
        user = next(user for user in users if zlib.crc32(user.encode()) % 4 != partition_of(user, 4))
        assert asyncio.run(latest_record(user, small)) is not None
        asyncio.run(send_and_wait(Forget(user_id=user), small))
        assert not [one for one in asyncio.run(find_remnants(user, small)) if one.stands or one.unread]


def misplaced(settings: Settings, names: TopicNames) -> int:
    """Return the misplaced events of the latest pulse."""
    pulses = values(settings, names.pulse)
    return int(msgspec.json.decode(pulses[-1][1])["arrivals"]["misplaced"]) if pulses else -1
