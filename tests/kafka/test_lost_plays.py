"""Plays that Kafka deletes before a worker processes them, and committed offsets that expire."""

import asyncio
from contextlib import closing

from aiokafka import TopicPartition as AsyncTopicPartition
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource

from jobs.doctor.doctor import Doctor
from jobs.doctor.finding import Finding
from jobs.topics.errors import MoveError
from jobs.topics.group import commit_offsets
from streams.readers.lag import lag_of
from streams.settings import Settings, override
from streams.topics.topics import TopicNames
from tests.kafka.test_topic_identity import learn, plays, total
from tests.support.plays import play_record
from tests.support.topics import await_folded, send, worker
from tests.support.wait import block_until

OF_USERS = {0, 2, 3}
"""The partitions of the listeners of these tests."""


def delete_before(settings: Settings, topic: str, ends: dict[int, int]) -> None:
    """Delete the records of partitions below some offsets, as retention does."""
    with closing(KafkaAdminClient(bootstrap_servers=settings.kafka.brokers)) as admin:
        admin.delete_records({TopicPartition(topic, partition): end for partition, end in ends.items()})


def ends_of(settings: Settings) -> dict[int, int]:
    """Return the ends of the plays."""

    async def read() -> dict[int, int]:
        async with lag_of(settings) as lag:
            return {partition: span.end for partition, span in (await lag.spans()).items()}

    return asyncio.run(read())


def finding(settings: Settings, check: str) -> Finding:
    """Return a finding of the doctor."""
    return next(one for one in asyncio.run(Doctor(settings).examine()) if one.check == check)


def test_a_gap_is_counted_and_told(settings: Settings, names: TopicNames) -> None:
    """By the doctor before a worker starts; by the worker with partition, offsets and times; later by its pulse."""
    quick = override(settings, pulse_s=0.5, session_timeout_s=3)
    learn(quick, names, [plays(0, 5)])
    before = ends_of(quick)
    send(quick, plays(5, 5))
    lost_to = ends_of(quick)
    send(quick, plays(10, 1))
    delete_before(quick, names.plays, lost_to)

    lag = finding(quick, "lag")
    with worker(quick) as process:
        block_until(lambda: total(quick, names) == 60 + 12, 30)
        block_until(lambda: "deleted 60 plays before worker a folded them" in finding(quick, "workers").says, 20)
        lost = {event["partition"]: event for event in process.events() if event["event"] == "plays_lost"}

    assert "problem" == lag.verdict
    assert "Kafka deleted 60 plays of partitions 0, 2, 3" in lag.says
    assert f"Partition 2: offsets {before[2]} to {lost_to[2] - 1}, before 20" in lag.says
    assert {partition: before[partition] for partition in OF_USERS} == {p: e["first"] for p, e in lost.items()}
    assert {partition: lost_to[partition] - 1 for partition in OF_USERS} == {p: e["last"] for p, e in lost.items()}
    assert 60 == sum(event["plays"] for event in lost.values())
    assert all(event["after"] <= event["before"] for event in lost.values())
    assert "unknown" not in {event["after"] for event in lost.values()}


def test_expired_offsets_are_no_loss(settings: Settings, names: TopicNames) -> None:
    """The state contains the plays: they are read again, skipped, and none is counted as lost."""
    quick = override(settings, session_timeout_s=3)
    learn(quick, names, [plays(0, 5)])
    _expire(quick)
    send(quick, plays(5, 1))
    note = finding(quick, "lag")

    with worker(quick) as process:
        block_until(lambda: total(quick, names) == 72, 30)
        events = [event["event"] for event in process.events()]

    assert "Kafka deleted" not in note.says
    assert len(OF_USERS) == events.count("offsets_expired")
    assert "plays_lost" not in events


def test_expired_offsets_hide_no_gap(settings: Settings, names: TopicNames) -> None:
    """The highest applied offset names the last processed play."""
    quick = override(settings, session_timeout_s=3)
    learn(quick, names, [plays(0, 5)])
    _expire(quick)
    send(quick, plays(5, 1))
    lost_to = ends_of(quick)
    send(quick, plays(6, 1))
    delete_before(quick, names.plays, lost_to)

    with worker(quick) as process:
        block_until(lambda: total(quick, names) == 72, 30)
        lost = [event["plays"] for event in process.events() if event["event"] == "plays_lost"]

    assert 12 == sum(lost)


def _expire(settings: Settings) -> None:
    """Delete the group with its committed offsets, as Kafka does after a week without members."""
    with closing(KafkaAdminClient(bootstrap_servers=settings.kafka.brokers)) as admin:

        def deleted() -> bool:
            outcome = admin.delete_groups([settings.application.group])
            return outcome[settings.application.group] in ("OK", None)

        block_until(deleted, 20)


def test_a_gap_before_a_play_of_any_time_ends_no_worker(settings: Settings, names: TopicNames) -> None:
    """A topic may keep the times of its producers, and some of them are in no calendar."""
    times = {"message.timestamp.type": "CreateTime", "message.timestamp.after.max.ms": str((1 << 63) - 1)}
    with closing(KafkaAdminClient(bootstrap_servers=settings.kafka.brokers)) as admin:
        admin.alter_configs([ConfigResource("TOPIC", names.plays, times)])
    learn(settings, names, [plays(0, 5)])
    send(settings, plays(5, 5))
    lost_to = ends_of(settings)
    with closing(KafkaProducer(bootstrap_servers=settings.kafka.brokers)) as producer:
        for key, value in plays(10, 1):
            producer.send(names.plays, value, key, timestamp_ms=1 << 62)
    delete_before(settings, names.plays, lost_to)

    lag = finding(settings, "lag")
    with worker(settings) as process:
        block_until(lambda: total(settings, names) == 60 + 12, 30)
        lost = [event for event in process.events() if event["event"] == "plays_lost"]

    assert f"before {1 << 62} ms." in lag.says
    assert {f"{1 << 62} ms"} == {event["before"] for event in lost}


def test_plays_behind_which_the_offsets_were_moved_are_counted(settings: Settings, names: TopicNames) -> None:
    """By the worker that skips them, and by the doctor; with the offsets set back they are learnt, each once."""
    quick = override(settings, pulse_s=0.5, session_timeout_s=3)
    learn(quick, names, [plays(0, 5)])
    before = ends_of(quick)
    send(quick, plays(5, 5))
    move_offsets(quick, names, ends_of(quick))

    with worker(quick) as process:
        block_until(lambda: "offsets were moved ahead of them" in finding(quick, "workers").says, 20)
        skipped = {event["partition"]: event for event in process.events() if event["event"] == "plays_skipped"}
    move_offsets(quick, names, before)
    with worker(quick) as process:
        block_until(lambda: total(quick, names) == 60 + 60, 30)
        again = [event["event"] for event in process.events()]

    assert {partition: before[partition] for partition in OF_USERS} == {p: e["first"] for p, e in skipped.items()}
    assert 60 == sum(event["plays"] for event in skipped.values())
    assert "plays_skipped" not in again


def test_events_that_leave_no_record_are_no_skipped_plays(settings: Settings, names: TopicNames) -> None:
    """Rejects, private plays, and plays of which nothing was heard."""
    assert names.plays
    quick = override(settings, session_timeout_s=3)
    with worker(quick):
        send(quick, plays(0, 1))
        send(quick, [play_record("u1", "i9", private=True), play_record("u1", "i9", ms_played=0), (b"u1", b"no play")])
        await_folded(quick)

    with worker(quick) as process:
        send(quick, plays(1, 1))
        await_folded(quick)
        events = [event["event"] for event in process.events()]

    assert "plays_skipped" not in events
    assert "plays_lost" not in events


def move_offsets(settings: Settings, names: TopicNames, offsets: dict[int, int]) -> None:
    """Commit offsets of plays, once the session of the stopped worker is over."""
    places = {AsyncTopicPartition(names.plays, partition): offset for partition, offset in offsets.items()}

    def moved() -> bool:
        try:
            asyncio.run(commit_offsets(settings, places))
        except MoveError:
            return False
        return True

    block_until(moved, 20)
